"""What senders and receivers say stands beside the balances; where sequences stand is kept in another form."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    counts = ("checked", "lost", "jumps", "late", "strays", "restarts")
    op.create_table(
        "said",
        sa.Column("is_receiver", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("is_receiver", "name", "hour", "stream", "unit"),
    )
    op.execute("DELETE FROM decoder_state WHERE key LIKE '%sequences'")
