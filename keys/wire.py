"""Bytes on the wire: canonical base64url and unambiguous concatenation."""

import binascii

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def as_bytes(value: bytes | str) -> bytes:
    """UTF-8 of a string (a lone surrogate is kept: odd input must not fail here), bytes as they are."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def b64url(value: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return ascii64(value).decode("ascii")


def ascii64(value: bytes) -> bytes:
    """As :func:`b64url`, as ASCII: for what is joined to more before it is text."""
    return binascii.b2a_base64(value, newline=False).translate(_URL_SAFE, b"=")


def unb64url(text: str) -> bytes | None:
    """Decodes canonical unpadded base64url; None for anything else, so that one value has one spelling."""
    try:
        raw = binascii.a2b_base64(text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    return raw if b64url(raw) == text else None  # this also refuses whatever the decoder skipped


def length_prefixed(*parts: bytes) -> bytes:
    """Each part behind its length as u32: two different lists never give the same bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
