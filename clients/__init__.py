"""The departments' side: what a client is and which of its words are believed.

Owns: the client value and its stored form, the rules for registered metadata and redirect URIs, sectors, client authentication as law,
and the guarded fetching of the documents that clients publish (keys, sector lists, logos).
Never does: SQL, HTTP answers, sessions, token formats; it never imports ``idp`` or ``keys``. Time and network are arguments.
May be called by: ``idp.protocol`` (``clients.model`` alone), ``idp.flows``, ``idp.app`` and the command line.
"""
