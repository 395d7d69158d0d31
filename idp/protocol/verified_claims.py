"""Verified claims (OpenID Connect for Identity Assurance 1.0): how they are asked for (§5.3 to §5.6) and what answers a request (§5.7). Pure.

A request is read strictly and kept as what of it can be met: the words that it may choose from are the house's own, so that nothing that somebody
typed is kept with a grant. What can't be met is left out and is no error (§5.7.3).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from idp.protocol import wishes
from idp.protocol.wishes import Malformed, Wish, inside

MEMBER: Final = "verified_claims"
EVIDENCE: Final = "electronic_record"
"""The one type of evidence that there is: an entry of a register."""
MAX_REQUESTS: Final = 10
MAX_EVIDENCE: Final = 10
MAX_CLAIMS: Final = 100
_DAY_S: Final = 86_400
Read = TypeVar("Read")
_CONSTRAINTS: Final = frozenset({"value", "values", "max_age"})


class EvidenceWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A filter over evidence and a template for it (§5.4): ``types`` of record, empty for any; ``max_age`` seconds. ``time``, ``record``, ``source``
    and ``derived`` say what is to be told of it; ``derived`` names claims, empty for all that rest on it, None for none."""

    types: tuple[str, ...] = ()
    max_age: int | None = None
    time: bool = False
    record: bool = False
    source: bool = False
    derived: tuple[str, ...] | None = None


class VerifiedWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ``verified_claims`` request. ``frameworks``: of which trust frameworks, empty for any; ``max_age``: seconds since the verification.

    ``impossible``: it demands something of the verification that is never known here, so that it is never met (§5.7.3).
    """

    claims: dict[str, Wish]
    frameworks: tuple[str, ...] = ()
    time: bool = False
    max_age: int | None = None
    evidence: tuple[EvidenceWish, ...] = ()
    impossible: bool = False

    def __repr__(self) -> str:
        return f"VerifiedWish({sorted(self.claims)})"


class VerifiedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of one place. ``many``: it came as an array (§5.6) and is answered as one."""

    wishes: tuple[VerifiedWish, ...] = ()
    many: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Every claim that is asked for."""
        return frozenset(name for wish in self.wishes for name in wish.claims)


NOTHING: Final = VerifiedRequest()


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """What the house can confirm: ``claims`` under one trust ``framework``, by entries of registers of the types ``records``."""

    framework: str
    claims: frozenset[str]
    records: frozenset[str]


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that somebody else than its owner stands for. ``at`` microseconds; ``record`` the type of register that it comes from, empty where
    that is not known; ``source`` who keeps the register."""

    value: Any
    at: int
    record: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return "Confirmed(…)"


# Asking ------------------------------------------------------------------------------------------------------------------------------


def parse(value: Any) -> VerifiedRequest:
    """The member ``verified_claims``: an object, or an array of them. Raises Refusal(invalid_request) for wrong shapes."""
    listed = value if isinstance(value, list) else [value]
    if len(listed) > MAX_REQUESTS or not all(isinstance(one, dict) for one in listed):
        raise Malformed(f"is neither an object nor an array of at most {MAX_REQUESTS}")
    if not isinstance(value, list):
        return VerifiedRequest(wishes=(_wish(value),))
    return VerifiedRequest(wishes=tuple(_numbered(listed, _wish)), many=True)


def _numbered(listed: list[Any], read: Callable[[Any], Read]) -> Iterator[Read]:
    """Each read, with its place named in what is refused."""
    for place, one in enumerate(listed):
        with inside(f"[{place}]"):
            yield read(one)


def _wish(one: dict[str, Any]) -> VerifiedWish:
    claims, verification = one.get("claims", {}), one.get("verification")
    if not isinstance(verification, dict) or "trust_framework" not in verification:
        raise Malformed("has no verification with at least a trust_framework, which may be null")
    if not (claims is None or (isinstance(claims, dict) and 0 < len(claims) <= MAX_CLAIMS)):
        raise Malformed(f"has no claims, or more than {MAX_CLAIMS}")
    with inside("verification"):
        known = _verification(verification)
    with inside("claims"):
        return msgspec.structs.replace(known, claims=wishes.named(claims or {}))


def _verification(verification: dict[str, Any]) -> VerifiedWish:
    """All of a wish but its claims."""
    known = {"trust_framework", "time", "evidence"}
    with inside("trust_framework"):
        frameworks = _words(verification["trust_framework"])
    with inside("time"):
        time, max_age, impossible = _time(verification["time"]) if "time" in verification else (False, None, False)
    with inside("evidence"):
        filters = _evidence(verification["evidence"]) if "evidence" in verification else None
    return VerifiedWish(
        claims={},
        frameworks=frameworks,
        time=time,
        max_age=max_age,
        evidence=filters or (),
        impossible=impossible
        or filters == ()
        or _constrains({n: v for n, v in verification.items() if n not in known}),
    )


def _words(value: Any) -> tuple[str, ...]:
    """A constrainable element: null, or an object with ``value`` or ``values`` (§5.5.1)."""
    if value is None:
        return ()
    if not isinstance(value, dict) or ("value" in value and "values" in value):
        raise Malformed("is neither null nor an object with value or values")
    words = [value["value"]] if "value" in value else value.get("values")
    if words is None:
        return ()
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise Malformed("lists a value that is no text")
    return tuple(words)


def _time(value: Any) -> tuple[bool, int | None, bool]:
    """(asked for, ``max_age``, whether it is to be a certain one, which never holds): null, or an object (§5.5.2)."""
    if value is None:
        return True, None, False
    if not isinstance(value, dict):
        raise Malformed("is neither null nor an object")
    age = value.get("max_age")
    if age is not None and (isinstance(age, bool) or not isinstance(age, int | float) or not 0 <= age < 1 << 53):
        raise Malformed("has a max_age that is no number of seconds")
    return True, None if age is None else int(age), bool({"value", "values"} & set(value))


def _evidence(value: Any) -> tuple[EvidenceWish, ...]:
    """The filters that can match something; none when all ask for evidence that is never there. They are alternatives (§5.4)."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_EVIDENCE:
        raise Malformed(f"is not an array of 1 to {MAX_EVIDENCE} objects")
    return tuple(found for found in _numbered(value, _filter) if found is not None)


def _filter(one: Any) -> EvidenceWish | None:
    kind = one.get("type") if isinstance(one, dict) else None
    if not isinstance(kind, dict) or not isinstance(kind.get("value"), str) or "values" in kind:
        raise Malformed("is evidence without the value of its type")
    record = one.get("record", {})
    if not (record is None or isinstance(record, dict)):
        raise Malformed("has a record that is neither null nor an object")
    time, max_age, certain = _time(one["time"]) if "time" in one else (False, None, False)
    found = _of_record(record or {}, asked="record" in one)
    rest = {name: value for name, value in one.items() if name not in ("type", "time", "record")}
    if kind["value"] != EVIDENCE or certain or found is None or _constrains(rest):
        return None
    return msgspec.structs.replace(found, time=time, max_age=max_age)


def _of_record(record: dict[str, Any], *, asked: bool) -> EvidenceWish | None:
    """What is asked of the record; None when it is constrained in what is not known here."""
    types = _words(record.get("type"))
    derived = record.get("derived_claims", {})
    if not (derived is None or isinstance(derived, dict)) or len(derived or {}) > MAX_CLAIMS:
        raise Malformed("has derived_claims that are neither null nor an object")
    source = record.get("source", {})
    if not (source is None or isinstance(source, dict)):
        raise Malformed("has a source that is neither null nor an object")
    if _constrains({name: value for name, value in record.items() if name != "type"}):
        return None
    return EvidenceWish(
        types=types,
        record=asked,
        source="source" in record and (source is None or "name" in source),
        derived=tuple(derived or ()) if "derived_claims" in record else None,
    )


def _constrains(tree: Any) -> bool:
    """Whether anything inside demands a value or an age. Without recursion: how deep it goes is somebody else's choice."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if _CONSTRAINTS & set(one):
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def within(request: VerifiedRequest, allowed: frozenset[str], offered: Offered) -> VerifiedRequest:
    """Only what may be told and can be met: claims that are ``allowed`` and ``offered`` (§5.7.1), nothing that is demanded beyond (§5.7.3)."""
    return VerifiedRequest(wishes=tuple(_within(request, allowed & offered.claims, offered)), many=request.many)


def _within(request: VerifiedRequest, allowed: frozenset[str], offered: Offered) -> Iterator[VerifiedWish]:
    for wish in request.wishes:
        claims = {name: wanted for name, wanted in wish.claims.items() if name in allowed}
        filters = tuple(
            msgspec.structs.replace(
                one, types=tuple(word for word in one.types if word in offered.records), derived=_derived(one, claims)
            )
            for one in wish.evidence
            if not one.types or offered.records & set(one.types)
        )
        foreign = bool(wish.frameworks) and offered.framework not in wish.frameworks
        if claims and not wish.impossible and not foreign and (filters or not wish.evidence):
            yield msgspec.structs.replace(wish, claims=claims, frameworks=(), evidence=filters)


def _derived(one: EvidenceWish, claims: Mapping[str, Wish]) -> tuple[str, ...] | None:
    """Never more than the request's own claims; of names that are none of them nothing is left to tell."""
    return (tuple(name for name in one.derived if name in claims) or None) if one.derived else one.derived


# Answering ---------------------------------------------------------------------------------------------------------------------------


def answer(
    request: VerifiedRequest, known: Mapping[str, Confirmed], framework: str, now: int
) -> dict[str, Any] | list[dict[str, Any]] | None:
    """What stands behind ``verified_claims``; None when no request is met. ``known``: what may be told; ``now`` microseconds."""
    met = [one for wish in request.wishes if (one := _answer(wish, known, framework, now)) is not None]
    if not met:
        return None
    return met if request.many else met[0]


def names(answered: dict[str, Any] | list[dict[str, Any]] | None) -> tuple[str, ...]:
    """The claims inside an answer, each once."""
    elements = answered if isinstance(answered, list) else [answered] if answered else []
    return tuple(dict.fromkeys(name for element in elements for name in element["claims"]))


def _answer(wish: VerifiedWish, known: Mapping[str, Confirmed], framework: str, now: int) -> dict[str, Any] | None:
    found = {name: known[name] for name, wanted in wish.claims.items() if name in known and _fits(wanted, known[name])}
    if wish.evidence:
        found = {name: one for name, one in found.items() if any(_matches(f, one, now) for f in wish.evidence)}
    if not found:
        return None
    oldest = min(one.at for one in found.values())
    if not _fresh(wish.max_age, oldest, now):
        return None
    verification: dict[str, Any] = {"trust_framework": framework}
    if wish.time:
        verification["time"] = _moment(oldest)
    if wish.evidence:
        verification["evidence"] = _records(wish, found, now)
    return {"verification": verification, "claims": {name: one.value for name, one in found.items()}}


def _fits(wanted: Wish, one: Confirmed) -> bool:
    return not wanted.values or str(one.value) in wanted.values


def _matches(wanted: EvidenceWish, one: Confirmed, now: int) -> bool:
    known = bool(one.record) and (not wanted.types or one.record in wanted.types)
    return known and _fresh(wanted.max_age, one.at, now)


def _fresh(max_age: int | None, at: int, now: int) -> bool:
    """By the time as it is told."""
    return max_age is None or now - _day(at) * 1_000_000 <= max_age * 1_000_000


def _records(wish: VerifiedWish, found: Mapping[str, Confirmed], now: int) -> list[dict[str, Any]]:
    """One entry for each register, filled as the first filter that it matches says."""
    groups: dict[tuple[str, str], dict[str, Confirmed]] = {}
    for name, one in found.items():
        groups.setdefault((one.record, one.source), {})[name] = one
    return [
        _record(next(f for f in wish.evidence if _matches(f, min(group.values(), key=_at), now)), group)
        for group in groups.values()
    ]


def _at(one: Confirmed) -> int:
    return one.at


def _record(wanted: EvidenceWish, group: Mapping[str, Confirmed]) -> dict[str, Any]:
    one = next(iter(group.values()))
    entry: dict[str, Any] = {"type": EVIDENCE}
    if wanted.time:
        entry["time"] = _moment(min(held.at for held in group.values()))
    if wanted.record:
        entry["record"] = {"type": one.record}
        if wanted.source:
            entry["record"]["source"] = {"name": one.source}
        told = (
            {}
            if wanted.derived is None
            else {n: held.value for n, held in group.items() if n in (wanted.derived or group)}
        )
        if told:
            entry["record"]["derived_claims"] = told
    return entry


def _day(at: int) -> int:
    return at // 1_000_000 // _DAY_S * _DAY_S


def _moment(at: int) -> str:
    """ISO 8601 in UTC (§9), to the day: a finer one would join what two departments know of one citizen."""
    return datetime.fromtimestamp(_day(at), UTC).strftime("%Y-%m-%dT%H:%MZ")
