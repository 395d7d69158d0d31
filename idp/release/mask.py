"""Masked values for the consent page: enough for their owner to know them again, too little for a stranger at the screen.

The rule of a claim decides; an unknown claim shows the least. Values are JSON as the vault gives them.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from clients import visible


def mask(claim: str, value: Any) -> str:
    """The masked text of one claim value; empty when there is nothing. Truth values come back as ``true`` and ``false``."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _address_text(value) if isinstance(value, dict) else str(value)
    text = " ".join(text.split())
    return _RULES.get(claim, _ends)(text) if text else ""


def _address_text(value: dict[str, Any]) -> str:
    """OIDC Core §5.1.1: from the widest part down, so that the mask keeps the region."""
    if value.get("formatted"):
        return str(value["formatted"])
    parts = [str(value[name]) for name in ("region", "locality", "street_address") if value.get(name)]
    return _CJK_GAP.sub("", " ".join(parts or [str(value.get("country") or "")]))


_CJK_GAP: Final = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
"""Chinese addresses are written without spaces."""


def _first(text: str) -> str:
    return text[0] + "*" * min(len(text) - 1, 6) if len(text) > 1 else "*"


def _ends(text: str) -> str:
    return _first(text) if len(text) < 5 else f"{text[0]}{'*' * min(len(text) - 2, 10)}{text[-1]}"


def _email(text: str) -> str:
    local, _, domain = text.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}***@{visible.domain(domain)[-40:]}" if local else _ends(text)


def _phone(text: str) -> str:
    digits = text.replace(" ", "")
    if 11 <= len(digits) <= 16:  # country code and eleven digits, or E.164 (15 digits and a plus)
        return f"{digits[:-8]}****{digits[-4:]}"
    return f"****{digits[-2:]}" if len(digits) > 4 else "****"


def _birthdate(text: str) -> str:
    year, dash, _ = text.partition("-")
    return f"{year}-**-**" if dash and year else "****"


def _number(text: str) -> str:
    return f"{text[:3]}{'*' * (len(text) - 5)}{text[-2:]}" if len(text) > 8 else _first(text)


def _area(text: str) -> str:
    return f"{text[:2]}****" if len(text) > 2 else _first(text)


def _place(text: str) -> str:
    return f"{text[:6]}****" if len(text) > 8 else _first(text)


def _uri(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    host = rest.split("/")[0]
    return f"{scheme}://{host[-40:]}/…" if mark and host and host != rest else _ends(text)


def _whole(text: str) -> str:
    return text


_RULES: Final[dict[str, Callable[[str], str]]] = {
    "name": _first, "given_name": _first, "family_name": _first, "middle_name": _first,
    "email": _email, "phone_number": _phone, "birthdate": _birthdate, "address": _place,
    "profile": _uri, "picture": _uri, "website": _uri,
    "gender": _whole, "zoneinfo": _whole, "locale": _whole, "updated_at": _whole,
    "national_id": _number, "employer_code": _number, "region_code": _area, "nationality": _whole, "marital_status": _whole,
    "national_id_masked": _whole, "phone_number_masked": _whole,
    "email_verified": _whole, "phone_number_verified": _whole,
}  # fmt: skip
