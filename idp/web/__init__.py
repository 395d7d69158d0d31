"""HTTP lives here: one entry (``edge``), one translator (``wire``), the protocol operations (``ops``), the pages (``pages``) and their face.

Owns status codes, headers, cookies, templates. Never decides protocol questions, never touches the store: it parses, calls a flow, renders
the outcome. Only ``idp.app`` imports it.
"""
