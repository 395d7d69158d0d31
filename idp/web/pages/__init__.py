"""Pages: one Flask blueprint per journey, each from ``blueprint(parts)``.

A page parses its form, calls one flow, renders the outcome or redirects (303) to the dispatcher ``/authorize/<handle>``. It holds no rule.
"""
