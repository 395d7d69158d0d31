"""The second language: ``zh_Hans/LC_MESSAGES/messages.po`` and its compiled twin. English sentences are the keys, so English needs no file.

Owns the catalogue and the tool that keeps it fresh (``python -m idp.web.locale.refresh``). Nothing here runs in the product.
"""
