"""What a source's clock is said to be rests on several events; what one batch said is forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("activity", sa.Column("offsets", sa.JSON(), nullable=False, server_default="[]"))
    op.execute('UPDATE activity SET "offset" = NULL')
