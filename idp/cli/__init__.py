"""The command line, one file per noun.

Owns: parsing of commands and printing of answers, as text or JSON.
Never: decides, opens a store or renders a page itself; it goes through ``idp.app``.
Called by: the operator, as ``idp``.
"""
