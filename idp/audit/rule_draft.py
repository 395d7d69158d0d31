"""A rule that staff write in the console: a search with a threshold, a window and a grouping. Pure; judged by what judges the rules of the file."""

from collections.abc import Container, Mapping, Sequence
from typing import Final

import msgspec

from idp.audit.alerts import MAX_COUNT, MAX_WITHIN, TRACED, Rule, Severity, faults
from idp.audit.rule_text import FIELDS
from idp.audit.search import Bad, Query, inside, kinds

GROUPS: Final = ("person", "client_id", "actor", "session", "reason", "address", "network", "block")
"""What a rule of the console may group by, or count different values of."""
ALWAYS: Final = frozenset(("person", "actor", "client_id", "reference", *TRACED))
"""Fields that an event of any kind may have."""
SEVERITIES: Final[dict[str, Severity]] = {"low": "low", "medium": "medium", "high": "high"}
REASONS: Final = ("incident", "noise", "gap", "trial")
"""Why a rule is written or changed: something happened, it told of too much, something was not noticed, it is tried out."""
LONGEST_NAME, LONGEST_ABOUT = 60, 300
UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("d", "day", "days", "天"), 86_400),
    **dict.fromkeys(("h", "hour", "hours", "小时"), 3600),
    **dict.fromkeys(("min", "minute", "minutes", "分钟", "分"), 60),
    **dict.fromkeys(("", "s", "second", "seconds", "秒"), 1),
}
"""Word of a length of time → seconds; the pages' own words are among them, in each language."""
RESERVED: Final = frozenset({"new"})
"""Names that are an address of the console's own."""


class Watched(msgspec.Struct, frozen=True):
    """What a search comes to as a rule: kinds of events, and fields with their values."""

    kind: tuple[str, ...]
    where: Mapping[str, str | int | bool]


def watched(query: Query, known: Mapping[str, Container[str]]) -> Watched:
    """The search without its time: a rule watches from now on. ``known``: kind → the fields of its events. Raises Bad where the search asks for what
    no event bears by itself."""
    chosen = kinds(query, tuple(known))
    where = {field: value for condition, field in FIELDS.items() if (value := getattr(query, condition))}
    if inside(query) or query.address or query.department or (chosen is None and not where):
        raise Bad({"search": "rule_search"})
    own = set(where) - ALWAYS
    pool = known if chosen is None else [kind for kind in chosen if kind in known]
    found = tuple(sorted(kind for kind in pool if all(field in known[kind] for field in own)))
    if not found:
        raise Bad({"search": "rule_search"})
    return Watched(found, where)


def named(typed: str) -> str:
    """The name of a new rule: words become one, joined by hyphens. Raises Bad."""
    name = "-".join(typed.split())
    plain = name.replace("-", "").replace("_", "")
    if not plain.isalnum() or len(name) > LONGEST_NAME or name in RESERVED:
        raise Bad({"name": "rule_name"})
    return name


def drafted(base: Watched, typed: Mapping[str, str], group: Sequence[str], known: Sequence[str]) -> Rule:
    """The rule that a form says: ``about``, ``count``, ``within`` (as :func:`span` takes it), ``distinct`` (or empty), ``severity``. Raises Bad that
    names every wrong field."""
    errors: dict[str, str] = {}
    about = " ".join(typed.get("about", "").split())
    if not about or len(about) > LONGEST_ABOUT or not about.isprintable():
        errors["about"] = "rule_about"
    if typed.get("severity", "") not in SEVERITIES:
        errors["severity"] = "unknown"
    distinct = typed.get("distinct", "")
    if set(group) - set(GROUPS):
        errors["group"] = "unknown"
    if distinct and (distinct not in GROUPS or distinct in group):
        errors["distinct"] = "rule_distinct"
    rule = Rule(
        about=about,
        kind=base.kind,
        where=base.where,
        count=number(typed.get("count", ""), MAX_COUNT),
        within=span(typed.get("within", ""), MAX_WITHIN),
        severity=SEVERITIES.get(typed.get("severity", ""), "low"),
        group=tuple(name for name in GROUPS if name in group),
        distinct=distinct or None,
    )
    for name in faults(rule, known):
        own = name in ("count", "within", "group", "distinct")
        errors.setdefault(name if own else "search", f"rule_{name}" if own else "rule_search")
    if errors:
        raise Bad(errors)
    return rule


def number(text: str, most: int) -> int:
    """0 for what is no number up to ``most``: never a rule's."""
    word = text.strip()
    found = int(word) if word.isascii() and word.isdigit() and len(word) < 10 else 0
    return found if found <= most else 0


def span(text: str, most: int) -> int:
    """Seconds of ``30 d``, ``1 hour``, ``10 分钟`` or a number alone; 0 for what is none up to ``most``."""
    word = text.strip()
    digits = word[: len(word) - len(word.lstrip("0123456789"))]
    found = number(digits, most) * UNITS.get(word[len(digits) :].strip().lower(), 0)
    return found if found <= most else 0


def spelled(seconds: int) -> str:
    """Seconds in the largest unit of which they are a whole number: ``7 d``, ``90 min``."""
    unit = next(unit for unit in ("d", "h", "min", "s") if not seconds % UNITS[unit])
    return f"{seconds // UNITS[unit]} {unit}"
