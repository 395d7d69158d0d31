"""Release: what may be told about a citizen, and the vault it is kept in.

Owns the sealed vault (``vault``) and which claims belong to which scope. Never mints tokens, never speaks HTTP. Flows may call it.
Catalogues, release plans, envelopes and receipts move in here.
"""
