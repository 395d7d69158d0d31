"""Who is this, and how sure are we.

Owns: passwords, one-time codes, recovery, throttling, sessions and assurance levels.
Never: renders a page, writes SQL, tells a known account from an unknown one.
Called by: ``idp.flows``.
"""
