"""The pure law of OAuth 2 and OpenID Connect.

Owns: what a request says (``params``), what is allowed, what an answer holds. Never imports flask, sqlalchemy, redis; never reads a clock, draws
randomness, touches a network or a store: those are arguments. Flows call it; it calls nothing but ``idp.errors``, ``clients.model`` and
``clients.strict_json``.
"""
