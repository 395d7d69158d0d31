"""Where things are kept: SQL and volatile implementations of the ports.

Owns: the tables, the statements, the transactions, the caches' generations.
Never: knows a journey, a page or the protocol.
Called by: ``idp.app`` alone.
"""
