"""Time-based one-time passwords (RFC 6238) with SHA-1, six digits, thirty seconds; and recovery codes in their place."""

import base64
import hmac
import unicodedata
from io import BytesIO
from typing import Final
from urllib.parse import quote

import pyotp
import segno

from idp.ports import Entropy
from keys.purpose import PurposeRing
from keys.tokens import hash_secret, secret_matches

SECRET_BYTES: Final = 20
"""RFC 4226 §4 R6: 160 bits."""
STEP_S: Final = 30
ISSUER: Final = "Yimen"
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""
_CHARS: Final = 16
_READ_AS: Final = str.maketrans({"I": "1", "L": "1", "O": "0"})


def new_secret(entropy: Entropy) -> bytes:
    """160 random bits."""
    return entropy(SECRET_BYTES)


def base32(secret: bytes) -> str:
    """As authenticator apps read it."""
    return base64.b32encode(secret).decode("ascii")


def spoken(secret: bytes) -> str:
    """Base 32 in groups of four, for typing."""
    return _grouped(base32(secret))


def uri(secret: bytes, label: str) -> str:
    """The ``otpauth:`` address of the secret. ``label`` tells accounts apart in the app; hand in a masked identifier."""
    return f"otpauth://totp/{quote(ISSUER)}:{quote(label, safe='')}?secret={base32(secret)}&issuer={quote(ISSUER)}"


def qr_svg(address: str) -> bytes:
    """The address as a QR code, SVG."""
    out = BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", scale=6, border=4, xmldecl=True, svgns=True, nl=False
    )
    return out.getvalue()


def matching_step(secret: bytes, typed: str, now: int) -> int | None:
    """The time step whose code was typed: the present one or the one before (RFC 6238 §5.2); None for neither. ``now`` microseconds.

    Whether the step is still unused is decided by the row, in the commit that uses it.
    """
    code = digits(typed)
    if len(code) != 6:
        return None
    step, generator = now // 1_000_000 // STEP_S, pyotp.HOTP(base32(secret))
    found = [s for s in (step, max(step - 1, 0)) if hmac.compare_digest(generator.at(s).encode(), code.encode())]
    return found[0] if found else None


def digits(typed: str) -> str:
    """What was typed as ASCII digits: full-width forms and spaces are forgiven; empty when it holds anything else."""
    folded = unicodedata.normalize("NFKC", typed[:64]).replace(" ", "").replace("-", "")
    return folded if folded.isascii() and folded.isdigit() else ""


def new_recovery_codes(entropy: Entropy) -> tuple[str, ...]:
    """Ten codes of 80 bits, in groups of four."""
    return tuple(_recovery_code(entropy(_CHARS)) for _ in range(RECOVERY_CODES))


def recovery_hash(ring: PurposeRing, account_id: bytes, typed: str) -> bytes:
    """The keyed hash that is stored of a recovery code."""
    return hash_secret(ring, "recovery", account_id + _recovery_form(typed))


def recovery_matches(ring: PurposeRing, account_id: bytes, typed: str, stored: bytes) -> bool:
    """Whether this is the code of that hash; case, spaces, dashes and look-alike letters are forgiven. Constant time."""
    return secret_matches(ring, "recovery", account_id + _recovery_form(typed), stored)


def _recovery_code(noise: bytes) -> str:
    return _grouped("".join(_ALPHABET[byte & 31] for byte in noise), "-")


def _recovery_form(typed: str) -> bytes:
    folded = unicodedata.normalize("NFKC", typed[:64]).upper()
    return "".join(c for c in folded if c.isalnum()).translate(_READ_AS).encode("utf-8", "surrogatepass")


def _grouped(text: str, mark: str = " ") -> str:
    return mark.join(text[i : i + 4] for i in range(0, len(text), 4))
