"""Where things are kept: SQL and volatile implementations of the ports.

Owns: the tables, the statements, the transactions, the schema's versions.
Never: knows a journey, a page or the protocol; reads the clock (it comes in as an argument).
Called by: ``idp.app`` alone, through ``idp.store.open``; the command line reaches ``idp.store.schema`` through ``idp.app``.

To add a record: the record in ``idp.records``, one line in ``idp.store.tables`` (columns follow from the record), one migration.
A test fails until the three agree.
"""
