"""What a service asks to know, shown to the citizen once and remembered until it asks for more or shows itself under another name or terms."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import asdict

from clients.model import Client
from idp.audit.events import CitizenInformed, ConsentDenied, ConsentGiven, Fact, ItemTold, record
from idp.flows import asking
from idp.flows.interactions import REMEMBER_S, SECOND
from idp.parts import Parts
from idp.ports import Committed, Holds, Insert, Update, Write
from idp.protocol.request import AuthorizeRequest
from idp.protocol.scopes import OFFLINE, SERVICE
from idp.records import Attribute, Consent, UsedAssertion
from idp.release.items import wider
from idp.release.mask import mask
from idp.release.minimise import computed
from idp.release.model import STANDARD_LOGIN, Allowed, AllowedItem, Line, Plan, ServiceItem
from idp.release.plan import allowed as settle
from idp.release.plan import settled, sources
from idp.release.times import day
from idp.release.vault import Citizen
from keys.wire import length_prefixed

FORMAT: Final = "yimen-consent/2"
YEAR_US: Final = 365 * 86_400 * 1_000_000
AT_ONCE_S: Final = 60
LASTING, YEAR, ONCE = "lasting", "year", "once"


class WantedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service item in a consent: its version, the attributes that it asked for, and those that the citizen or the law allows. Codes, sorted."""

    code: str
    version: int
    attributes: tuple[str, ...]
    allowed: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one request asks for: scopes, the names of standard claims that they and the ``claims`` parameter stand for, service items. Sorted.

    ``verified``: claims that are asked for with who stands for them and since when.
    """

    scope: tuple[str, ...]
    claims: tuple[str, ...]
    items: tuple[WantedItem, ...] = ()
    verified: tuple[str, ...] = ()


class Given(Wanted, frozen=True, omit_defaults=True):
    """What a consent keeps: also ``who``, the digest of how the service showed itself (:func:`identity`)."""

    who: bytes = b""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows. ``preview``: claim → masked value, for every line of the plan; ``items``: the approved versions of what is asked;
    ``digest`` stands for all of it, values by their version; ``terms`` for all of it but the values.

    ``changed``: more is asked than the last time; ``renamed``: the service shows itself otherwise than the last time.
    """

    wanted: Wanted
    plan: Plan
    items: Mapping[str, ServiceItem]
    preview: dict[str, str]
    digest: bytes
    terms: bytes
    changed: bool
    renamed: bool
    lasts: tuple[str, ...]

    def __repr__(self) -> str:
        return "Shown(…)"

    @property
    def offline(self) -> bool:
        """Whether access while the citizen is away is asked."""
        return OFFLINE in self.wanted.scope

    @property
    def informs(self) -> bool:
        """Whether the law orders all of it: then the page informs and asks no consent (DESIGN §7)."""
        return bool(self.plan.lines) and not self.offline and all(line.basis == "statutory" for line in self.plan.lines)

    @property
    def optional(self) -> frozenset[tuple[str, str]]:
        """(item, attribute) of what the citizen may turn on."""
        return frozenset((n.item, n.attribute) for n in self.lines if not settled(n) and n.outcome == "release")

    @property
    def lines(self) -> tuple[Line, ...]:
        """The plan as the page tells it: what is asked for more than one reason stands under the stronger one alone. A service item that orders
        or needs something tells why better than a scope; what a scope tells anyway is nothing to be turned on."""
        needed = {line.claim for line in self.plan.lines if line.item != STANDARD_LOGIN and settled(line)}
        anyway = {n.claim for n in self.plan.lines if n.item == STANDARD_LOGIN and n.verified != "only"}
        return tuple(
            line
            for line in self.plan.lines
            if (line.claim not in needed if line.item == STANDARD_LOGIN else settled(line) or line.claim not in anyway)
        )


def wanted(parts: Parts, client: Client, request: AuthorizeRequest) -> Wanted:
    """What ``request`` asks for, service items as they are approved now."""
    asked = asking.asked(request, client)
    scope, claims = tuple(sorted(request.scope)), tuple(sorted(asked.claims))
    items = _items(asking.planned(parts, client, asked)) if asked.items else ()
    return Wanted(scope, claims, items, tuple(sorted(asked.verified)))


def _items(planned: Plan) -> tuple[WantedItem, ...]:
    found: dict[tuple[str, int], list[str]] = {}
    for line in planned.lines:
        if line.item != STANDARD_LOGIN and line.outcome == "release":
            found.setdefault((line.item, line.item_version), []).append(line.attribute)
    return tuple(WantedItem(code, version, tuple(sorted(names))) for (code, version), names in sorted(found.items()))


def digest(parts: Parts, client: Client, asked: Wanted) -> bytes:
    """SHA-256 of the terms: who asks, under which names, for what, for which services as published."""
    who = (client.client_id, identity(client))
    items = [parts.catalogue.version(item.code, item.version) for item in asked.items]
    return sha256(FORMAT.encode() + msgspec.json.encode((who, asked, items), order="deterministic")).digest()


def identity(client: Client) -> bytes:
    """SHA-256 of how the service shows itself where it asks: its names, its logo, its policy, its terms, in every language."""
    shown = [
        (getattr(client, member), getattr(client, f"{member}_localized"))
        for member in ("client_name", "logo_uri", "policy_uri", "tos_uri")
    ]
    return sha256(msgspec.json.encode(shown, order="deterministic")).digest()


def remembered(client: Client, redirect_uri: str) -> bool:
    """Whether a consent outlasts the request: a public client is itself only where others can't take its redirect (RFC 8252 §8.6)."""
    url = urlsplit(redirect_uri)
    return client.confidential or url.scheme == "https" or _loopback(url.hostname)


def reason_to_ask(
    parts: Parts, request: AuthorizeRequest, client: Client, held: Consent | None, given_here: bytes | None, now: int
) -> str | None:
    """Why consent has to be asked, or None. ``held``: the stored consent; ``given_here``: terms of what was allowed in this interaction."""
    if held is None or held.withdrawn_at is not None:
        return "first"
    asked = wanted(parts, client, request)
    if given_here is not None and given_here == digest(parts, client, asked) and not _over(held, now):
        return None
    if held.expires_at is not None and now >= held.expires_at:
        return "expired"
    if "consent" in request.prompt:
        return "prompt_consent"
    if not remembered(client, request.redirect_uri):
        return "not_remembered"
    given = read(held)
    if given.who != identity(client):
        return "service_changed"
    return None if covers(parts, given, asked) else "changed"


def _over(held: Consent, now: int) -> bool:
    """Whether its date has come; one that counts once is over with its request, not with time."""
    return held.expires_at is not None and not counts_once(held) and now >= held.expires_at


def counts_once(held: Consent) -> bool:
    """Whether the citizen's word was for one request: its row ends when it began."""
    return held.expires_at is not None and held.expires_at <= held.created_at


def still_given(held: Consent) -> Write:
    """Conflicts when the consent was withdrawn or changed since it was read: rides in the batch of what rests on it."""
    where = {
        "account_id": held.account_id,
        "client_id": held.client_id,
        "digest": held.digest,
        "created_at": held.created_at,
        "withdrawn_at": None,
    }
    return Holds(Consent, where)


def covers(parts: Parts, given: Wanted, asked: Wanted) -> bool:
    """Whether what was allowed holds all that is asked: each item at a version that asks no more than the one that was allowed."""
    earlier = {item.code: item for item in given.items}
    if not (_personal(asked.scope) <= set(given.scope) and set(asked.claims) <= set(given.claims)):
        return False
    if not set(asked.verified) <= set(given.verified):
        return False
    return all(_item_covered(parts, earlier.get(item.code), item) for item in asked.items)


def _personal(scope: Iterable[str]) -> set[str]:
    """Scopes that a consent is about; service items are compared by what they hold."""
    return {value for value in scope if not value.startswith(SERVICE)}


def _item_covered(parts: Parts, before: WantedItem | None, now: WantedItem) -> bool:
    if before is None or not set(now.attributes) <= set(before.attributes):
        return False
    if before.version == now.version:
        return True
    old, new = parts.catalogue.version(now.code, before.version), parts.catalogue.version(now.code, now.version)
    return old is not None and new is not None and not wider(old, new)


def read(held: Consent) -> Given:
    """The document of a stored consent."""
    return msgspec.json.decode(held.document, type=Given)


def of_grant(parts: Parts, request: AuthorizeRequest, client: Client, held: Consent) -> Allowed | None:
    """What a grant that rests on this consent may tell beyond scopes and claims, and until when; None where there is nothing to say."""
    once = counts_once(held)
    until = None if once else held.expires_at
    allowed = {item.code: set(item.allowed) for item in read(held).items} if request.items else {}
    items = tuple(
        AllowedItem(
            code=item.code,
            version=item.version,
            attributes=tuple(name for name in item.attributes if name in allowed.get(item.code, ())),
        )
        for item in (wanted(parts, client, request).items if request.items else ())
    )
    return Allowed(items=items, until=until, once=once) if items or until is not None or once else None


def shown(
    parts: Parts, citizen: Citizen, client: Client, request: AuthorizeRequest, held: Consent | None, now: int
) -> Shown:
    """Opens just the attributes that are asked, and answers them masked. Raises ``keys.errors.SealBroken``."""
    what = asking.asked(request, client)
    first = asking.planned(parts, client, what)
    rows = parts.vault.rows(citizen, sources(first))
    planned = asking.planned(parts, client, what, held=asking.held(rows))
    planned = Plan(lines=tuple(line for line in planned.lines if _can_be_shown(line)), refusal=planned.refusal)
    asked = wanted(parts, client, request)
    terms = digest(parts, client, asked)
    given = read(held) if held is not None and held.withdrawn_at is None else None
    return Shown(
        wanted=asked,
        plan=planned,
        items={code: item for code, item in parts.catalogue.items(i.code for i in what.items).items() if item},
        preview=_preview(parts, citizen, planned, rows, now, request.claims.compared),
        digest=sha256(terms + _stamps(rows)).digest(),
        terms=terms,
        changed=given is not None and not covers(parts, given, asked),
        renamed=given is not None and given.who != identity(client),
        lasts=_lasts(client, request),
    )


def _can_be_shown(line: Line) -> bool:
    """What is withheld for good is not the citizen's to decide about; what is not on record is told as such."""
    return line.outcome == "release" or line.reason in ("no_value", "not_confirmed")


def _preview(
    parts: Parts, citizen: Citizen, planned: Plan, rows: list[Attribute], now: int, numbers: Mapping[str, str]
) -> dict[str, str]:
    values = citizen.open_claims(rows)
    kinds = parts.catalogue.kinds(line.attribute for line in planned.lines)
    told: dict[str, str] = {}
    for line in planned.lines:
        kind = kinds.get(line.attribute)
        if line.reason == "not_confirmed":
            told.setdefault(line.attribute, "")
            continue
        value: Any = (
            computed(kind, values, day(now), numbers) if kind is not None and kind.of else values.get(line.attribute)
        )
        told[line.attribute] = mask(line.attribute, value)
    return told


def _stamps(rows: list[Attribute]) -> bytes:
    """Stand for the values shown: a digest of the values themselves could be guessed."""
    return msgspec.json.encode(sorted((row.code, row.row_version, row.updated_at, row.source) for row in rows))


def _lasts(client: Client, request: AuthorizeRequest) -> tuple[str, ...]:
    """How long a consent may last; access while the citizen is away can't be for one time, and what isn't remembered has no length."""
    if not remembered(client, request.redirect_uri):
        return ()
    return (LASTING, YEAR) if OFFLINE in request.scope else (LASTING, YEAR, ONCE)


def first_word(parts: Parts, origin: bytes, seen: str, word: str) -> str:
    """``allow`` or ``deny``, whichever was the citizen's first answer to this form: of both at once one counts, and the other is answered alike.

    ``seen``: what the form showed. Remembered as long as requests can run side by side; afterwards the consent and the end of the journey tell.
    """
    return parts.volatile.settle("answer", length_prefixed(origin, seen.encode()), word.encode(), AT_ONCE_S).decode()


def forget_word(parts: Parts, origin: bytes, seen: str) -> None:
    """The answer could not be kept, and is asked for again."""
    parts.volatile.forget("answer", length_prefixed(origin, seen.encode()))


def allow(
    parts: Parts,
    citizen: Citizen,
    client: Client,
    shown: Shown,
    held: Consent | None,
    now: int,
    reference: str,
    *,
    ticked: Mapping[str, AbstractSet[str]] | None = None,
    lasts: str = LASTING,
) -> bytes | None:
    """Write the citizen's yes with its event; the terms that were allowed. What was allowed before on the same terms of time stays allowed.

    ``ticked``: item → optional attributes that were turned on; others count for nothing. None where another answer came first: decide again. The
    same yes twice at once is one.
    """
    expires_at = {YEAR: now + YEAR_US, ONCE: now}.get(lasts)
    kept = settle(shown.plan, ticked or {})
    items = tuple(
        msgspec.structs.replace(item, allowed=tuple(sorted(set(item.attributes) & kept.get(item.code, frozenset()))))
        for item in shown.wanted.items
    )
    asked = msgspec.structs.replace(shown.wanted, items=items)
    document = _with_earlier(held, client, asked, expires_at)
    row = Consent(
        citizen.account_id, client.client_id, msgspec.json.encode(document), shown.digest, now, None, expires_at
    )
    fact = _fact(client, shown, asked, lasts, expires_at, reference)
    told = record(fact, at=now, entropy=parts.entropy, person=citizen)
    if isinstance(parts.store.commit([_given(held, row), told]), Committed):
        return shown.terms
    there = parts.store.one(Consent, account_id=row.account_id, client_id=row.client_id)
    same = there is not None and there.withdrawn_at is None and there.digest == row.digest
    return shown.terms if same else None


def _given(held: Consent | None, new: Consent) -> Write:
    """Conflicts where the citizen answered elsewhere meanwhile: what they said there must not be lost."""
    if held is None:
        return Insert(new)
    where = {name: getattr(held, name) for name in ("account_id", "client_id", "digest", "created_at", "withdrawn_at")}
    return Update(Consent, where, asdict(new))


def _fact(client: Client, shown: Shown, asked: Wanted, lasts: str, expires_at: int | None, reference: str) -> Fact:
    items = tuple(ItemTold(code=item.code, version=item.version, attributes=item.allowed) for item in asked.items)
    if shown.informs:
        return CitizenInformed(client_id=client.client_id, digest=shown.digest.hex(), items=items, reference=reference)
    return ConsentGiven(
        client_id=client.client_id,
        scope=" ".join(asked.scope),
        claims=asked.claims,
        digest=shown.digest.hex(),
        items=items,
        verified=asked.verified,
        lasts=lasts,
        until=expires_at or 0,
        reference=reference,
    )


def deny(
    parts: Parts, citizen: Citizen, client: Client, request: AuthorizeRequest, origin: bytes, now: int, reference: str
) -> None:
    """Write the citizen's no, once for each request (``origin``): what makes it one stands in the batch of its event, so that of two at once none
    is answered before it is written."""
    until = now + (parts.config.interaction_ttl + REMEMBER_S) * SECOND
    mark = sha256(length_prefixed(b"yimen-denied/1", origin)).digest()
    fact = ConsentDenied(client_id=client.client_id, scope=" ".join(request.scope), reference=reference)
    told = record(fact, at=now, entropy=parts.entropy, person=citizen)
    parts.store.commit([Insert(UsedAssertion(mark, until)), told])


def _with_earlier(held: Consent | None, client: Client, asked: Wanted, expires_at: int | None) -> Given:
    """Joined with what lasts as this does: nothing earlier is made to last longer, a yes for once adds to nothing, and what was allowed to the
    service under another name or other terms does not count any more."""
    who = identity(client)
    alone = Given(asked.scope, asked.claims, asked.items, asked.verified, who)
    if held is None or held.withdrawn_at is not None or held.expires_at is not None or expires_at is not None:
        return alone
    earlier = read(held)
    if earlier.who != who:
        return alone
    items = {item.code: item for item in (*earlier.items, *asked.items)}
    return Given(
        _union(earlier.scope, asked.scope),
        _union(earlier.claims, asked.claims),
        tuple(items[code] for code in sorted(items)),
        _union(earlier.verified, asked.verified),
        who,
    )


def _union(left: Iterable[str], right: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*left, *right}))


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or (host is not None and ip_address(host).is_loopback)
    except ValueError:
        return False
