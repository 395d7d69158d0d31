"""The provider: a federated OpenID provider for governments.

Owns: the protocol, the citizens, their sessions and consents, the releases and their records.
Never: keeps a department's data, shares a value across sectors, or answers without a record.
Called by: the command ``idp`` and the WSGI server, both through ``idp.app``.
"""
