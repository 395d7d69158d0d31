"""Protocol operations: one module per endpoint, each with ``operations(parts) -> {path: {method: operation}}``.

An operation parses a ``wire.Request``, calls one flow, renders its outcome as a ``wire.Answer`` (or hands it to the pages with ``wire.ToPage``).
It holds no rule. A ``Refusal`` that it does not catch becomes the token endpoint's JSON error.
"""
