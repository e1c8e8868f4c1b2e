"""Where a source stands."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("source", sa.Column("place", sa.String(length=200), nullable=False, server_default=""))
