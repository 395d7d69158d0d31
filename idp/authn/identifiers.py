"""What people sign in with, brought to one spelling: e-mail address, mobile number or account name.

One value has one canonical form; the unique index and every message go by that form alone, so that a look-alike can neither take over an
account nor have its mail sent elsewhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal

import idna
import msgspec

from clients import visible

Kind = Literal["email", "phone", "username"]
MAX_CHARS: Final = 254
"""RFC 5321 §4.5.3.1.3, less the angle brackets."""

_DIGITS = re.compile(r"[+(]?[0-9][0-9 ().\-]{5,30}")
_CHINA_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_ATEXT = frozenset("!#$%&'*+-/=?^_`{|}~")
_USERNAME = re.compile(r"[a-z\u4e00-\u9fff](?:[._-]?[a-z0-9\u4e00-\u9fff]){1,62}")
_IDEOGRAPHIC_STOPS = re.compile("[\u3002\uff0e\uff61]")


class Identifier(msgspec.Struct, frozen=True):
    """A canonical identifier. ``canonical``: lower-case address with an ASCII domain, E.164 number with ``+``, or lower-case name."""

    kind: Kind
    canonical: str

    def __repr__(self) -> str:
        return f"Identifier({self.kind})"


class BadIdentifier(ValueError):
    """Not an e-mail address, mobile number or account name; the text holds no part of it."""


def canonical(text: str) -> Identifier:
    """The one spelling of what was typed. Raises BadIdentifier.

    NFKC and case folding; surrounding space dropped; control, zero-width and other invisible characters refused; an address has exactly one ``@``
    and an IDNA 2008 domain (RFC 5891); mainland numbers get their country code (ITU-T E.164).
    """
    folded = _folded(text)
    if "@" in folded:
        return Identifier("email", _email(folded))
    if _DIGITS.fullmatch(folded):
        return Identifier("phone", _phone(folded))
    if not _USERNAME.fullmatch(folded):
        raise BadIdentifier("not an identifier")
    return Identifier("username", folded)


def masked(identifier: Identifier) -> str:
    """Enough for its owner to know it again: ``l***@example.cn``, ``+86138****5678``, ``l****i``; of a single letter nothing. A domain shows its
    letters where they are plain (``clients.visible``)."""
    value = identifier.canonical
    if identifier.kind == "email":
        local, _, domain = value.partition("@")
        return f"{local[0] if len(local) > 1 else ''}***@{visible.domain(domain)}"
    if identifier.kind == "phone":
        return f"{value[:-8]}****{value[-4:]}" if len(value) > 10 else f"****{value[-2:]}"
    if len(value) < 2:
        return "***"
    return f"{value[0]}***" if len(value) < 5 else f"{value[0]}***{value[-1]}"


def masked_apart(identifiers: Sequence[Identifier]) -> list[str]:
    """The same for a list of one owner's: e-mail addresses that would look alike show as many letters more as tell them apart."""
    plain = [masked(one) for one in identifiers]
    return [
        _more(
            one,
            [other for other, text in zip(identifiers, plain, strict=True) if text == short and other != one],
            short,
        )
        for one, short in zip(identifiers, plain, strict=True)
    ]


def _more(one: Identifier, alike: Sequence[Identifier], short: str) -> str:
    if one.kind != "email" or not alike:
        return short
    local, _, domain = one.canonical.partition("@")
    others = [other.canonical.partition("@")[0] for other in alike]
    shown = next((n for n in range(2, len(local)) if all(other[:n] != local[:n] for other in others)), len(local))
    return f"{local[:shown]}***@{visible.domain(domain)}"


def _folded(text: str) -> str:
    if len(text) > MAX_CHARS:
        raise BadIdentifier("too long")
    trimmed = text.strip()
    if not trimmed or any(_invisible(c) for c in trimmed):
        raise BadIdentifier("empty or with invisible characters")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", trimmed).casefold()).strip()
    if not folded or len(folded) > MAX_CHARS:
        raise BadIdentifier("empty or too long")
    return folded


def _invisible(char: str) -> bool:
    """Control, format (zero-width, direction), surrogate, private, unassigned, line and paragraph separators, and fillers that show as nothing."""
    return (
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or char in "\u115f\u1160\u3164\uffa0\u034f"
    )


def _email(folded: str) -> str:
    local, _, domain = folded.partition("@")
    if "@" in domain or not _dot_atom(local) or len(local.encode()) > 64:
        raise BadIdentifier("not one mailbox")
    return f"{local}@{_domain(domain)}"


def _dot_atom(local: str) -> bool:
    """RFC 5322 §3.2.3, with letters of all scripts (RFC 6532 §3.2)."""
    return all(atom and all(_atom_char(c) for c in atom) for atom in local.split("."))


def _atom_char(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in _ATEXT
    return unicodedata.category(char)[0] in "LMN"


def _domain(text: str) -> str:
    name = _IDEOGRAPHIC_STOPS.sub(".", text).removesuffix(".")
    if "." not in name or len(name) > 253:
        raise BadIdentifier("not a domain")
    try:
        encoded = idna.encode(name, uts46=True, transitional=False, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise BadIdentifier("not a domain") from None
    if encoded.rpartition(".")[2].isdigit() or len(encoded) > 253:
        raise BadIdentifier("not a domain")
    return encoded


def _phone(folded: str) -> str:
    digits = re.sub(r"[^0-9]", "", folded)
    if folded.startswith("+"):
        international = digits
    elif digits.startswith("00"):
        international = digits[2:]
    elif _CHINA_MOBILE.fullmatch(digits):
        international = "86" + digits
    elif digits.startswith("86") and _CHINA_MOBILE.fullmatch(digits[2:]):
        international = digits
    else:
        raise BadIdentifier("a number without country code that is not a mainland mobile number")
    if not _E164.fullmatch(international):
        raise BadIdentifier("not an E.164 number")
    if international.startswith("86") and not _CHINA_MOBILE.fullmatch(international[2:]):
        raise BadIdentifier("not a mainland mobile number")
    return "+" + international
