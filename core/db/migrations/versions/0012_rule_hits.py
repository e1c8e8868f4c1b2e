"""Hits of each rule are counted by day."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "rule_hits",
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "day"),
    )
    op.create_index("ix_rule_hits_day", "rule_hits", ["day"])
