"""Letters that wait for a part of the store are counted at each look at the house."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("ix_dead_letter_stage", "dead_letter", ["stage", "event_id"])
