"""The release plan: requested ∩ approved ∩ known ∩ chosen, each attribute with its reason or the reason why not. Pure.

One function for the request (nothing known, nothing chosen yet), the consent page, the answer, and the developer's explanation.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from idp.release.compare import CLAIMS
from idp.release.confirmed import confirmed
from idp.release.model import (
    STANDARD_LOGIN,
    Asked,
    AskedItem,
    AttributeKind,
    ClientFacts,
    Held,
    Line,
    Need,
    Plan,
    ServiceItem,
)

MENDED_BY_THE_CITIZEN: Final = frozenset({"no_value", "not_confirmed", "not_chosen"})
"""Reasons that never refuse a request: not the client's to mend."""


def plan(
    asked: Asked,
    items: Mapping[str, ServiceItem | None],
    attributes: Mapping[str, AttributeKind],
    client: ClientFacts,
    *,
    held: Mapping[str, Held] | None = None,
    chosen: Mapping[str, AbstractSet[str]] | None = None,
) -> Plan:
    """The plan of ``asked`` for ``client``.

    ``items``: code → approved version, None for one that is not approved (now, or yet). ``attributes``: kinds by code, of all that the items need
    and of standard claims. ``held``: what the vault has of the citizen by code; None: not looked. ``chosen``: item code → attributes that the
    citizen or the law allows; None: not asked yet.
    """
    lines: list[Line] = []
    for wanted in asked.items:
        lines += _of_item(wanted, items, attributes, client)
    lines += [_standard(claim, attributes.get(claim), client) for claim in asked.claims]
    if asked.verified:
        lines = [_marked(line, asked) for line in lines]
    lines = [_with_number(line, asked) for line in lines]
    judged = tuple(_judged(line, client, held, chosen) for line in lines)
    return Plan(lines=judged, refusal=_refusal(judged))


def needs(items: Mapping[str, ServiceItem | None]) -> frozenset[str]:
    """The attribute codes whose kinds :func:`plan` wants to know."""
    return frozenset(need.attribute for item in items.values() if item is not None for need in item.needs)


def sources(planned: Plan) -> tuple[str, ...]:
    """What has to be read from the vault for the lines that are released: each once; a minimising attribute stands for what it is made from."""
    return tuple(dict.fromkeys(code for line in planned.released for code in line.of or (line.attribute,)))


def allowed(planned: Plan, ticked: Mapping[str, AbstractSet[str]]) -> dict[str, frozenset[str]]:
    """Item code → attributes that are allowed when the citizen ticked those: essential and statutory ones are not a matter of choice."""
    found: dict[str, set[str]] = {}
    for line in planned.lines:
        if line.item != STANDARD_LOGIN and line.attribute:
            kept = found.setdefault(line.item, set())
            if settled(line) or line.attribute in ticked.get(line.item, frozenset()):
                kept.add(line.attribute)
    return {code: frozenset(kept) for code, kept in found.items()}


def settled(line: Line) -> bool:
    """Whether the citizen has no tick for it: what the service can't do without, what the law orders, what a standard scope stands for."""
    return line.essential or line.basis == "statutory" or line.item == STANDARD_LOGIN


def _of_item(
    wanted: AskedItem,
    items: Mapping[str, ServiceItem | None],
    attributes: Mapping[str, AttributeKind],
    client: ClientFacts,
) -> list[Line]:
    item = items.get(wanted.code)
    if item is None:
        return [_no_item(wanted.code, "item_not_approved" if wanted.code in items else "item_unknown")]
    if item.department_id != client.department_id:
        return [_no_item(wanted.code, "foreign_item")]
    declared = {need.attribute for need in item.needs}
    beyond = [_no_item(item.code, "not_in_item", code) for code in wanted.attributes if code not in declared]
    within = [need for need in item.needs if not wanted.attributes or need.attribute in wanted.attributes]
    return [_need(item, need, attributes.get(need.attribute)) for need in within] + beyond


def _no_item(code: str, reason: str, attribute: str = "") -> Line:
    return Line(attribute=attribute, claim=attribute, item=code, essential=True, outcome="withhold", reason=reason)


def _need(item: ServiceItem, need: Need, kind: AttributeKind | None) -> Line:
    return Line(
        attribute=need.attribute,
        claim=kind.claim if kind else need.attribute,
        item=item.code,
        item_version=item.version,
        essential=need.essential,
        basis=need.basis,
        citation=need.citation,
        sensitive=kind is not None and kind.sensitive,
        of=kind.of if kind else (),
        outcome="release" if kind else "withhold",
        reason="" if kind else "attribute_unknown",
    )


def _standard(claim: str, kind: AttributeKind | None, client: ClientFacts) -> Line:
    """A claim of the built-in item *standard login*: granted by the client's registration (DESIGN §7)."""
    reason = "" if claim in client.claims else "not_registered"
    return Line(
        attribute=claim,
        claim=claim,
        item=STANDARD_LOGIN,
        sensitive=kind is not None and kind.sensitive,
        outcome="withhold" if reason else "release",
        reason=reason,
    )


def _marked(line: Line, asked: Asked) -> Line:
    """Asked for as verified, too or only."""
    if line.claim not in asked.verified:
        return line
    only = line.item == STANDARD_LOGIN and line.claim in asked.only_verified
    return msgspec.structs.replace(line, verified="only" if only else "also")


def _with_number(line: Line, asked: Asked) -> Line:
    """A verdict needs the number that it is on."""
    if line.claim not in CLAIMS or line.claim in asked.compared or line.outcome == "withhold":
        return line
    return msgspec.structs.replace(line, outcome="withhold", reason="nothing_to_compare")


def _judged(
    line: Line, client: ClientFacts, held: Mapping[str, Held] | None, chosen: Mapping[str, AbstractSet[str]] | None
) -> Line:
    if line.outcome == "withhold":
        return line
    found = [held[code] for code in line.of or (line.attribute,) if code in held] if held is not None else []
    sensitive = line.sensitive or client.all_sensitive
    reason = ""
    if sensitive and client.key != "usable":
        reason = client.key
    elif held is not None and len(found) < len(line.of or (line.attribute,)):
        reason = "no_value"
    elif held is not None and line.verified == "only" and not all(confirmed(one.source) for one in found):
        reason = "not_confirmed"
    elif (
        chosen is not None and line.item != STANDARD_LOGIN and line.attribute not in chosen.get(line.item, frozenset())
    ):
        reason = "not_chosen"
    return Line(
        attribute=line.attribute,
        claim=line.claim,
        item=line.item,
        item_version=line.item_version,
        essential=line.essential,
        basis=line.basis,
        citation=line.citation,
        sensitive=sensitive,
        of=line.of,
        verified=line.verified,
        outcome="withhold" if reason else "release",
        reason=reason,
        source=found[0].source if found else "",
        updated_at=max((one.updated_at for one in found), default=0),
    )


def _refusal(lines: tuple[Line, ...]) -> str:
    """The first reason for which an essential line is withheld and which is the client's to mend."""
    blocked = (line.reason for line in lines if line.essential and line.outcome == "withhold")
    return next((reason for reason in blocked if reason not in MENDED_BY_THE_CITIZEN), "")
