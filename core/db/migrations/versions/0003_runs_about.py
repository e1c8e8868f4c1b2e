"""A run keeps what it is about, the version of each preview, and what came behind an approval.

Of the runs that there are nobody knows what they were about: they are seen by people without a scope.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("run", sa.Column("about", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("step_run", sa.Column("preview_version", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column("step_run", sa.Column("newcomers", sa.JSON(), nullable=False, server_default="[]"))
    op.drop_table("sender_id")
