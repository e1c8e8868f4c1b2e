"""How far files are read is kept by name, too; two files may begin alike."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ingested_file_by_name",
        sa.Column("print", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("tail_print", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("print", "name"),
    )
    op.execute(
        'INSERT INTO ingested_file_by_name (print, name, length, "offset", tail_print, source, path, at)'
        " SELECT print, '', length, \"offset\", tail_print, '', path, at FROM ingested_file"
    )
    op.drop_table("ingested_file")
    op.rename_table("ingested_file_by_name", "ingested_file")
