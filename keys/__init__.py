"""The keys of the house (leaf package: imports neither ``idp`` nor ``clients``).

Owns: the root key and its backends (``backends``, ``file_backend``), versioned purpose keys (``purpose``), signing keys and their pure
lifecycle (``signing``, ``lifecycle``), the JOSE profile (``jose``, ``jwe``), and every format that is made with a key: sealed values
(``sealed``), blind indexes (``index``), subjects and ``sid`` (``subjects``), opaque and sealed tokens (``tokens``), escrow (``escrow``).

Never: reads a clock, draws randomness by itself (key-pair generation in ``signing`` and JWE in ``jwe`` excepted: the library draws from
the operating system), talks to a database or the network, decides who may do what, or shows a secret in a text or ``repr``.

May be called by: ``flows``, ``release``, ``authn``, ``audit``, ``web``, ``store`` (rows of ``model``) and the composition in ``app``.
"""
