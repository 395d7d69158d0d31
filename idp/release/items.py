"""The law of service items 事项: what a good one says, how two versions differ, and which change citizens are asked about again. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from clients.visible import legible
from idp.release.model import STANDARD_LOGIN, AttributeKind, Need, ServiceItem, Texts, Value

CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Fits in a scope (RFC 6749 §3.3), a path and a file name."""
MAX_NEEDS: Final = 50
MAX_TEXT: Final = 1000
MAX_DAYS: Final = 36_500
LANGUAGES: Final = ("zh", "en")


class BadItem(ValueError):
    """What is wrong with an entry of a catalogue, in one English sentence."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A service item as a department writes it down: no version yet. ``department``: id or credit code."""

    code: str
    department: str
    titles: Texts
    purposes: Texts
    needs: tuple[Need, ...]
    retention_days: int


class Change(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One difference between two versions: ``what`` a member or ``needs.<attribute>``; empty for what was not or is no more there."""

    what: str
    before: str = ""
    after: str = ""


def check(entry: Entry, kind_of: Callable[[str], AttributeKind | None]) -> None:
    """Raises BadItem for the first thing that is wrong."""
    if not CODE.fullmatch(entry.code) or entry.code == STANDARD_LOGIN or entry.code.endswith(".json"):
        raise BadItem(
            "A code has 1 to 64 small letters, digits, dots, hyphens or underscores, and begins with a letter or digit."
        )
    check_texts(entry.titles, f"{entry.code}: titles", 100)
    check_texts(entry.purposes, f"{entry.code}: purposes")
    if not 0 <= entry.retention_days <= MAX_DAYS:
        raise BadItem(f"{entry.code}: retention_days must lie between 0 and {MAX_DAYS}.")
    if not 0 < len(entry.needs) <= MAX_NEEDS:
        raise BadItem(f"{entry.code}: an item needs 1 to {MAX_NEEDS} attributes.")
    if len({need.attribute for need in entry.needs}) < len(entry.needs):
        raise BadItem(f"{entry.code}: an attribute is named twice.")
    for need in entry.needs:
        _check_need(entry.code, need, kind_of)


def _check_need(code: str, need: Need, kind_of: Callable[[str], AttributeKind | None]) -> None:
    if not CODE.fullmatch(need.attribute) or kind_of(need.attribute) is None:
        raise BadItem(f"{code}: there is no attribute {plain(need.attribute)} in the catalogue.")
    if need.basis == "statutory":
        check_texts(need.citation, f"{code}: the citation of {need.attribute}, which is statutory,")
    elif need.citation:
        check_texts(need.citation, f"{code}: the citation of {need.attribute}")


def check_texts(texts: Mapping[str, str], what: str, longest: int = MAX_TEXT) -> None:
    """Both languages, each within bounds and without characters that hide or reorder text. Raises BadItem."""
    if set(texts) != set(LANGUAGES):
        raise BadItem(f"{what} must be given as zh and en.")
    for text in texts.values():
        if len(text) > longest or not legible(text) or set(filter(str.isspace, text)) - {" "}:
            raise BadItem(f"{what} must have 1 to {longest} printable characters.")


def plain(text: str) -> str:
    """Somebody's words, fit to stand in a sentence of ours."""
    return re.sub(r"[^A-Za-z0-9._-]", "?", text)[:64]


def versioned(entry: Entry, department_id: str, version: int) -> ServiceItem:
    """The item of an entry."""
    return ServiceItem(
        code=entry.code,
        version=version,
        department_id=department_id,
        titles=entry.titles,
        purposes=entry.purposes,
        needs=entry.needs,
        retention_days=entry.retention_days,
    )


def difference(before: ServiceItem | None, after: ServiceItem | None) -> tuple[Change, ...]:
    """What one version says other than the other, the version number aside, member by member."""
    left, right = _facts(before), _facts(after)
    names = dict.fromkeys((*right, *left))
    return tuple(
        Change(what=name, before=left.get(name, ""), after=right.get(name, ""))
        for name in names
        if left.get(name) != right.get(name)
    )


def _facts(item: ServiceItem | None) -> dict[str, str]:
    if item is None:
        return {}
    told = {
        "department": item.department_id,
        **{f"titles.{lang}": item.titles.get(lang, "") for lang in LANGUAGES},
        **{f"purposes.{lang}": item.purposes.get(lang, "") for lang in LANGUAGES},
        "retention_days": str(item.retention_days),
    }
    return told | {f"needs.{need.attribute}": _need_text(need) for need in item.needs}


def _need_text(need: Need) -> str:
    words = ["essential" if need.essential else "optional", need.basis]
    return " · ".join([*words, *(need.citation[lang] for lang in LANGUAGES if need.citation.get(lang))])


def wider(before: ServiceItem, after: ServiceItem) -> bool:
    """Whether a citizen who allowed ``before`` must be asked again: another purpose, longer keeping, an attribute that was not there, or one
    whose basis, citation or need changed. What asks for less, or is only renamed, does not ask again."""
    if before.department_id != after.department_id or before.purposes != after.purposes:
        return True
    if after.retention_days > before.retention_days:
        return True
    known = {need.attribute: need for need in before.needs}
    return any(_stricter(known.get(need.attribute), need) for need in after.needs)


def _stricter(before: Need | None, after: Need) -> bool:
    if before is None or (before.basis, before.citation) != (after.basis, after.citation):
        return True
    return after.essential and not before.essential


def read_entry(value: Any) -> Entry:
    """An entry from parsed JSON. Raises BadItem with the place."""
    try:
        return msgspec.convert(value, Entry)
    except msgspec.ValidationError as error:
        raise BadItem(f"An item is not well formed: {str(error).replace('`', '')}.") from None
