"""Alembic's entry: the connection, the lineage and the progress report come from ``idp.store.schema``."""

from alembic import context

settings = context.config.attributes
context.configure(
    connection=settings["connection"],
    version_table=settings["version_table"],
    transactional_ddl=True,
    transaction_per_migration=True,  # a killed upgrade resumes at the first version that is not there
    on_version_apply=settings["on_version_apply"],
)
with context.begin_transaction():
    context.run_migrations()
