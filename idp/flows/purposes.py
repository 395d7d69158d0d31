"""What something was told for: the service items of a line of the history as they were published, each with its basis in law."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from idp.parts import Parts
from idp.release.model import Need
from idp.release.receipts import SIGN_IN, Purpose
from idp.release.told import INFORMED, RELEASED, Told, ToldItem

NEVER: Final = Need(attribute="")
"""Stands for an attribute that the item does not need: told by consent."""


def purposes(parts: Parts, told: Told) -> tuple[Purpose, ...]:
    """One purpose for each item and basis, and the built-in one for what belongs to no item. Nothing told: the purpose of signing in."""
    found = [purpose for item in told.items for purpose in _of_item(parts, told, item)]
    elsewhere = {name for item in told.items for name in item.attributes}
    left = tuple(name for name in told.claims if name not in elsewhere)
    return (*found, Purpose(texts=SIGN_IN, claims=left)) if left or not found else tuple(found)


def _of_item(parts: Parts, told: Told, item: ToldItem) -> Iterator[Purpose]:
    published = parts.catalogue.version(item.code, item.version)
    if published is None:
        basis = "statutory" if told.kind == INFORMED else "consent"
        yield Purpose(texts={}, claims=item.attributes, basis=basis, item=item.code, item_version=item.version)
        return
    needs = {need.attribute: need for need in published.needs}
    codes = _codes(parts, [name for name in item.attributes if name not in needs]) if told.kind == RELEASED else {}
    groups: dict[bytes, list[tuple[str, Need]]] = {}
    for name in item.attributes:
        need = needs.get(codes.get(name, name), NEVER)
        groups.setdefault(msgspec.json.encode((need.basis, need.citation)), []).append((name, need))
    for pairs in groups.values():
        yield Purpose(
            texts=published.purposes,
            claims=tuple(name for name, _ in pairs),
            optional=tuple(name for name, need in pairs if not need.essential),
            basis=pairs[0][1].basis,
            citation=pairs[0][1].citation or None,
            item=item.code,
            item_version=item.version,
            item_titles=published.titles,
            retention_days=published.retention_days,
        )


def _codes(parts: Parts, claims: list[str]) -> Mapping[str, str]:
    """Claim → code, where an attribute has another claim."""
    return (
        {kind.claim: code for code, kind in parts.catalogue.all_kinds().items() if kind.claim in claims}
        if claims
        else {}
    )
