"""Audit: typed events and how each becomes one 32-byte entry that later proofs are built on.

Owns the closed vocabulary (``events``) and the entry format (``entry``). Never decides anything, never reads a clock, never commits:
a flow puts the event into the batch of what it tells. Flows, release and the CLI may call it.
"""
