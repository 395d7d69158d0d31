"""The history of the tables: Alembic, linear, expand then contract.

Owns: every change of the schema, forwards; two lineages, ``versions`` (main) and ``versions/keyring``, each with its own version table.
Never: reads a record or a table definition of today's code: a migration is history and stands by itself.
Called by: ``idp.store.schema`` (``idp db upgrade``); ``serve`` never migrates.

Each version has before/after fixture rows in ``tests/ports/migrations/fixtures``. A released migration is never edited.
"""
