"""The counts of an hour are found by it: they are read, and deleted, by the time that they are of."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for table in ("ledger", "said"):
        op.create_index(op.f(f"ix_{table}_hour"), table, ["hour"], unique=False)
