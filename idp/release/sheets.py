"""Catalogues as files: JSON, and CSV for people with a spreadsheet. Pure; reading is strict, writing round-trips.

A CSV cell that a spreadsheet would take for a formula is written with an apostrophe in front, which reading takes away (CWE-1236).
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from clients import strict_json
from idp.release.items import BadItem, Entry, plain, read_entry
from idp.release.model import AttributeKind, ServiceItem

MAX_BYTES: Final = 5_000_000
MAX_ROWS: Final = 20_000
ITEM_COLUMNS: Final = (
    "code", "department", "title_zh", "title_en", "purpose_zh", "purpose_en", "retention_days",
    "attribute", "essential", "basis", "citation_zh", "citation_en",
)  # fmt: skip
"""One row for each attribute of an item; the first seven are the same in each."""
OF_ITEM: Final = ITEM_COLUMNS[:7]
KIND_COLUMNS: Final = (
    "code", "claim", "type", "sensitive", "source", "name_zh", "name_en", "explanation_zh", "explanation_en", "rule",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def read_items(data: bytes, form: str) -> tuple[Entry, ...]:
    """Entries of a ``json`` (``{"items": [...]}``) or ``csv`` file. Raises BadItem."""
    rows = _members(data, "items") if form == "json" else _grouped(_table(data, ITEM_COLUMNS))
    return _unique(tuple(read_entry(row) for row in rows), lambda entry: entry.code)


def read_kinds(data: bytes, form: str) -> tuple[AttributeKind, ...]:
    """Attributes of a ``json`` (``{"attributes": [...]}``) or ``csv`` file. Raises BadItem."""
    rows = (
        _members(data, "attributes") if form == "json" else [_kind_document(row) for row in _table(data, KIND_COLUMNS)]
    )
    return _unique(tuple(_kind(row) for row in rows), lambda kind: kind.code)


def items_json(items: Iterable[ServiceItem]) -> bytes:
    """What :func:`read_items` reads."""
    return _pretty({"items": [item_document(item) for item in items]})


def items_csv(items: Iterable[ServiceItem]) -> bytes:
    """What :func:`read_items` reads, one row for each attribute."""
    return _written(ITEM_COLUMNS, (row for item in items for row in _item_rows(item)))


def kinds_json(kinds: Iterable[AttributeKind]) -> bytes:
    """What :func:`read_kinds` reads."""
    return _pretty({"attributes": [msgspec.to_builtins(kind) for kind in kinds]})


def kinds_csv(kinds: Iterable[AttributeKind]) -> bytes:
    """What :func:`read_kinds` reads."""
    return _written(KIND_COLUMNS, (_kind_row(kind) for kind in kinds))


def item_document(item: ServiceItem) -> dict[str, Any]:
    """An item as its department writes it down."""
    document: dict[str, Any] = msgspec.to_builtins(item)
    department = document.pop("department_id")
    document.pop("version")
    return {"code": document.pop("code"), "department": department, **document}


def _members(data: bytes, name: str) -> list[Any]:
    try:
        document = strict_json.read(_bounded(data))
    except strict_json.NotStrict as error:
        raise BadItem(f"The file {error}.") from None
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, list) or len(found) > MAX_ROWS:
        raise BadItem(f"The file must hold one object with a list of at most {MAX_ROWS} {name}.")
    return found


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise BadItem(f"A catalogue file has at most {MAX_BYTES} bytes.")
    return data


def _table(data: bytes, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        reader = csv.reader(io.StringIO(_bounded(data).decode("utf-8-sig"), newline=""), strict=True)
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except (UnicodeDecodeError, csv.Error):
        raise BadItem("The file is not CSV in UTF-8.") from None
    if not lines or tuple(lines[0]) != tuple(columns) or len(lines) > MAX_ROWS:
        raise BadItem(f"The first line must be {','.join(columns)}, with at most {MAX_ROWS} lines after it.")
    if any(len(line) != len(columns) for line in lines):
        raise BadItem(f"Every line must have {len(columns)} cells.")
    return [dict(zip(columns, map(_plain, line), strict=True)) for line in lines[1:]]


def _plain(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA and len(cell) > 1 else cell


def _guarded(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _grouped(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """One document for the rows of each code. Raises BadItem where they disagree about the item."""
    documents: dict[str, dict[str, Any]] = {}
    heads: dict[str, tuple[str, ...]] = {}
    for row in rows:
        code, head = row["code"], tuple(row[name] for name in OF_ITEM)
        if heads.setdefault(code, head) != head:
            raise BadItem("The lines of one item must agree in everything but the attribute.")
        documents.setdefault(code, _head_document(row))["needs"].append(_need_document(row))
    return list(documents.values())


def _head_document(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "department": row["department"],
        "titles": {"zh": row["title_zh"], "en": row["title_en"]},
        "purposes": {"zh": row["purpose_zh"], "en": row["purpose_en"]},
        "retention_days": int(row["retention_days"]) if row["retention_days"].isdecimal() else row["retention_days"],
        "needs": [],
    }


def _need_document(row: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {"attribute": row["attribute"], "essential": _truth(row["essential"])}
    document["basis"] = row["basis"] or "consent"
    if row["citation_zh"] or row["citation_en"]:
        document["citation"] = {"zh": row["citation_zh"], "en": row["citation_en"]}
    return document


def _item_rows(item: ServiceItem) -> Iterable[tuple[str, ...]]:
    titles, purposes = item.titles, item.purposes
    head = (
        item.code,
        item.department_id,
        titles["zh"],
        titles["en"],
        purposes["zh"],
        purposes["en"],
        str(item.retention_days),
    )
    for need in item.needs:
        told = (need.citation.get("zh", ""), need.citation.get("en", ""))
        yield (*head, need.attribute, "yes" if need.essential else "no", need.basis, *told)


def _kind(value: Any) -> AttributeKind:
    try:
        known = set(value) if isinstance(value, dict) else set()
        if unknown := known - set(AttributeKind.__struct_fields__):
            raise BadItem(f"An attribute has no member {plain(min(unknown))}.")
        return msgspec.convert(value, AttributeKind)
    except msgspec.ValidationError as error:
        raise BadItem(f"An attribute is not well formed: {str(error).replace('`', '')}.") from None


def _kind_document(row: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {name: row[name] for name in ("code", "claim", "type", "source") if row[name]}
    document["sensitive"] = _truth(row["sensitive"])
    document["names"] = {"zh": row["name_zh"], "en": row["name_en"]}
    if row["explanation_zh"] or row["explanation_en"]:
        document["explanations"] = {"zh": row["explanation_zh"], "en": row["explanation_en"]}
    return document | ({"rule": row["rule"]} if row["rule"] else {})


def _kind_row(kind: AttributeKind) -> tuple[str, ...]:
    names, told = kind.names, kind.explanations
    texts = (names["zh"], names["en"], told.get("zh", ""), told.get("en", ""))
    return (kind.code, kind.claim, kind.type, "yes" if kind.sensitive else "no", kind.source, *texts, kind.rule or "")


def _truth(cell: str) -> bool | str:
    return {"yes": True, "no": False, "": False}.get(cell.strip().lower(), cell)


def _unique(entries: tuple[Any, ...], code: Callable[[Any], str]) -> tuple[Any, ...]:
    if len({code(entry) for entry in entries}) < len(entries):
        raise BadItem("A code is in the file twice.")
    return entries


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _written(columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(tuple(map(_guarded, row)) for row in rows)
    return out.getvalue().encode("utf-8")
