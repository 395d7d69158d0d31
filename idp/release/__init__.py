"""What may be told, to whom, and in which envelope.

Owns: the release plan, consent, and the sealed vault of attributes.
Never: releases what no approved request covers, or anything without its event.
Called by: ``idp.flows``.
"""
