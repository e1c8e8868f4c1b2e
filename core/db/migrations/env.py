"""Alembic's entry: the connection is handed in by core.db.database.migrate."""

from alembic import context

from core.db.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=False, render_as_batch=True)
context.run_migrations()
