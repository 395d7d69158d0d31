"""The law of OAuth 2 and OpenID Connect, as pure functions.

Owns: the checks, decisions and answers that the specifications prescribe, each with its citation.
Never: touches HTTP, a database, the network, a clock or chance; imports more than ``idp.errors`` and ``clients.model``.
Called by: ``idp.flows``; its value types also by ``idp.web``.
"""
