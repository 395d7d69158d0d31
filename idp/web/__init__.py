"""HTTP lives here, and nowhere else.

Owns: the edge, the one translator of requests, protocol operations, pages, headers, static files and wording.
Never: decides; a page or a JSON answer renders the outcome of a flow.
Called by: ``idp.app`` alone.
"""
