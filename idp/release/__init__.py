"""Release: what may be told about a citizen, and the vault it is kept in.

Owns the sealed vault (``vault``), which claims belong to which scope, the catalogues of attributes and service items, and the release plan
(``plan``: requested ∩ approved ∩ known ∩ chosen). Never mints tokens, never speaks HTTP. Flows may call it.
"""
