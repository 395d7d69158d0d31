"""One module per journey: read, ask the law, write one batch, return an outcome.

Owns: the order of reading, judging, consuming and minting.
Never: parses or renders HTTP, writes SQL, decides what the law decides.
Called by: ``idp.web`` and ``idp.cli``, through the parts that ``idp.app`` composes.
"""
