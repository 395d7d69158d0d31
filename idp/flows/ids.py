"""Ids as they stand in addresses, commands and files: 16 bytes in hex."""


def raw_id(text: str) -> bytes | None:
    """The 16 bytes; None for what is no id."""
    try:
        raw = bytes.fromhex(text) if len(text) == 32 else b""
    except ValueError:
        return None
    return raw if len(raw) == 16 else None
