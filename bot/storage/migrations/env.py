"""Alembic's way into the schema; the runner hands over the connection."""

from alembic import context

from bot.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_server_default=True,
    # SQLite changes tables by rebuilding them, and does that inside transactions as well as PostgreSQL.
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
