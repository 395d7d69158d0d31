"""Other identity providers, and trust between federations.

Owns: upstream sign-in and trust chains.
Never: trusts a foreign statement by its arrival alone.
Called by: ``idp.flows``.
"""
