"""The catalogues' life: departments' items are drafted, an approver decides, versions stay; operators extend the attributes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from idp.audit.events import AttributeKindChanged, ItemDecided, ItemDrafted, record
from idp.caches import APPROVED, CATALOGUE, bump
from idp.errors import Code, Refusal
from idp.flows.client_keys import key_now
from idp.flows.provision import department_of
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Op, Update, Write
from idp.records import AttributeRow, ClientRow, ServiceItemRow
from idp.release import attributes as attribute_law
from idp.release import items as law
from idp.release import sheets
from idp.release.items import BadItem, Change, Entry
from idp.release.model import AttributeKind, ServiceItem
from idp.release.vault import Citizen

DRAFT, REJECTED, RETIRED = "draft", "rejected", "retired"
BY_CLI = "cli"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an import does with one entry. ``what``: new, changed or same; ``changes`` against what is in force."""

    code: str
    what: str
    version: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft before its approver. ``before``: the approved version; ``digest`` names exactly this draft beside exactly that."""

    item: ServiceItem
    before: ServiceItem | None
    changes: tuple[Change, ...]
    created_at: int
    digest: str


def read_items(data: bytes, form: str) -> tuple[Entry, ...]:
    """Entries of a file in ``form`` json or csv. Raises Refusal."""
    with _spoken():
        return sheets.read_items(data, form)


def read_kinds(data: bytes, form: str) -> tuple[AttributeKind, ...]:
    """Attributes of a file in ``form`` json or csv. Raises Refusal."""
    with _spoken():
        return sheets.read_kinds(data, form)


def propose(parts: Parts, entries: Sequence[Entry], *, dry_run: bool = False) -> list[Proposal]:
    """Enter items as drafts, all or none; with ``dry_run`` only say what would change. Raises Refusal for what a catalogue may not say."""
    now, writes, told = parts.clock(), list[Write](), list[Proposal]()
    for entry in entries:
        proposal, own = _proposed(parts, entry, now)
        told.append(proposal)
        writes += own
    if writes and not dry_run and not isinstance(parts.store.commit(writes), Committed):
        raise _refused("The catalogue changed meanwhile. Look again.", "item_conflict")
    return told


def waiting(parts: Parts) -> list[Waiting]:
    """Every draft, the oldest first."""
    return [
        _waiting(parts, row) for row in parts.store.find(ServiceItemRow, {"state": DRAFT}, order=("created_at", "code"))
    ]


def draft_of(parts: Parts, code: str) -> Waiting:
    """The draft of an item. Raises Refusal when none waits."""
    rows = parts.store.find(ServiceItemRow, {"code": code, "state": DRAFT})
    if not rows:
        raise _refused("No draft of this item waits.", "item_no_draft")
    return _waiting(parts, rows[0])


def decide(
    parts: Parts,
    draft: Waiting,
    *,
    approve: bool,
    by: str = BY_CLI,
    actor: Citizen | None = None,
    reference: str | None = None,
) -> None:
    """Approve or reject just what ``draft`` shows: what changed since conflicts. ``by``: the approver's account id in hex, or ``cli``.

    Raises Refusal when the draft or what it replaces is not what was looked at, ``no_client_key`` where nobody could receive what it needs.
    """
    now, item = parts.clock(), draft.item
    if approve:
        _check_receivable(parts, item, now)
    key = {"code": item.code, "version": item.version, "state": DRAFT, "document": _document(item)}
    state = APPROVED if approve else REJECTED
    writes: list[Write] = [Update(ServiceItemRow, key, {"state": state, "decided_at": now, "decided_by": by})]
    if approve and draft.before is not None:
        before = {"code": item.code, "version": draft.before.version, "state": APPROVED}
        writes.append(Update(ServiceItemRow, before, {"state": RETIRED}))
    fact = _decided(item, state, by, reference)
    event = record(fact, at=now, entropy=parts.entropy, actor=actor)
    result = parts.store.commit([*writes, event, *bump(CATALOGUE)]) if _still(parts, draft) else None
    if not isinstance(result, Committed):
        raise _refused("The draft changed meanwhile. Look again.", "item_conflict")
    parts.generations.reread()


def retire(parts: Parts, code: str, by: str = BY_CLI) -> ServiceItem:
    """Take an item out of force: nothing is released for it any more. Raises Refusal when none is."""
    now, item = parts.clock(), approved(parts, code)
    if item is None:
        raise _refused("No version of this item is approved.", "item_not_approved")
    where = {"code": code, "version": item.version, "state": APPROVED}
    change = Update(ServiceItemRow, where, {"state": RETIRED, "decided_at": now, "decided_by": by})
    event = record(_decided(item, RETIRED, by, None), at=now, entropy=parts.entropy)
    if not isinstance(parts.store.commit([change, event, *bump(CATALOGUE)]), Committed):
        raise _refused("The item changed meanwhile. Look again.", "item_conflict")
    parts.generations.reread()
    return item


def approved(parts: Parts, code: str) -> ServiceItem | None:
    """The version in force, as the store has it now."""
    rows = parts.store.find(ServiceItemRow, {"code": code, "state": APPROVED})
    return _read(rows[0]) if rows else None


def versions(parts: Parts, code: str) -> list[ServiceItemRow]:
    """Every version of an item, the newest first."""
    return parts.store.find(ServiceItemRow, {"code": code}, order=("-version",))


def published(parts: Parts, *, after: str = "", limit: int = 1000) -> list[ServiceItem]:
    """Items in force by code, from behind ``after`` on."""
    where = {"state": APPROVED, "code": Op(">", after)}
    return [_read(row) for row in parts.store.find(ServiceItemRow, where, order=("code",), limit=limit)]


def extend(parts: Parts, kinds: Sequence[AttributeKind], *, dry_run: bool = False) -> list[Proposal]:
    """Add or change attributes, in force at once, all or none. Raises Refusal for what :func:`release.attributes.check` refuses."""
    now, writes, told = parts.clock(), list[Write](), list[Proposal]()
    rows = {row.code: row for row in parts.store.find(AttributeRow, limit=10_000)}
    claims = {kind.claim: kind.code for kind in parts.catalogue.all_kinds().values()}
    for kind in kinds:
        row = rows.get(kind.code)
        before = msgspec.json.decode(row.document, type=AttributeKind) if row is not None else None
        with _spoken():
            attribute_law.check(kind, before)
        if claims.setdefault(kind.claim, kind.code) != kind.code:
            raise _refused(f"{kind.code}: another attribute has this claim.", "attribute_claim")
        version = row.version if row is not None else 0
        what = "new" if before is None else "same" if before == kind else "changed"
        told.append(Proposal(kind.code, what, version + (what != "same"), _kind_changes(before, kind)))
        if what != "same":
            writes += _kind_writes(parts, kind, version, now)
    if writes and not dry_run and not isinstance(parts.store.commit([*writes, *bump(CATALOGUE)]), Committed):
        raise _refused("The catalogue changed meanwhile. Look again.", "attribute_conflict")
    parts.generations.reread()
    return told


def drop(parts: Parts, code: str) -> None:
    """Take an added attribute out of the catalogue. Raises Refusal while an item that is in force or waits needs it."""
    row = parts.store.one(AttributeRow, code=code)
    if row is None:
        raise _refused("No added attribute has this code.", "attribute_unknown")
    for item in parts.store.find(ServiceItemRow, {"state": Op("in", (DRAFT, APPROVED))}, limit=100_000):
        if code in {need.attribute for need in _read(item).needs}:
            raise _refused(f"The item {item.code} needs this attribute.", "attribute_needed")
    kind = msgspec.json.decode(row.document, type=AttributeKind)
    fact = AttributeKindChanged(attribute=code, version=row.version, sensitive=kind.sensitive, state=RETIRED)
    event = record(fact, at=parts.clock(), entropy=parts.entropy)
    where = {"code": code, "version": row.version}
    if not isinstance(parts.store.commit([Delete(AttributeRow, where, rows=1), event, *bump(CATALOGUE)]), Committed):
        raise _refused("The catalogue changed meanwhile. Look again.", "attribute_conflict")
    parts.generations.reread()


def _proposed(parts: Parts, entry: Entry, now: int) -> tuple[Proposal, list[Write]]:
    with _spoken():
        law.check(entry, parts.catalogue.kind)
    department = department_of(parts, entry.department)
    rows = versions(parts, entry.code)
    if any(row.department_id != department.id for row in rows):
        raise _refused(f"The code {entry.code} belongs to another department.", "item_foreign")
    draft = next((row for row in rows if row.state == DRAFT), None)
    before = next((_read(row) for row in rows if row.state == APPROVED), None)
    version = draft.version if draft else max((row.version for row in rows), default=0) + 1
    item = law.versioned(entry, department.id, version)
    changes = law.difference(before, item)
    if (draft is not None and _document(item) == draft.document) or (before is not None and not changes):
        return Proposal(entry.code, "same", draft.version if draft else version - 1, ()), []
    row = ServiceItemRow(entry.code, version, department.id, DRAFT, _document(item), now, None, None)
    event = record(
        ItemDrafted(item=item.code, version=version, department=department.id), at=now, entropy=parts.entropy
    )
    where = {"code": entry.code, "version": version, "state": DRAFT}
    write = Update(ServiceItemRow, where, {"document": row.document, "created_at": now}) if draft else Insert(row)
    return Proposal(entry.code, "changed" if before else "new", version, changes), [write, event]


def _waiting(parts: Parts, row: ServiceItemRow) -> Waiting:
    item, before = _read(row), approved(parts, row.code)
    shown = sha256(row.document + (_document(before) if before else b"")).hexdigest()
    return Waiting(item, before, law.difference(before, item), row.created_at, shown)


def _check_receivable(parts: Parts, item: ServiceItem, now: int) -> None:
    """What leaves only encrypted needs a client of the department with a key to encrypt to (DESIGN §7)."""
    if not any(kind.sensitive for kind in parts.catalogue.kinds(need.attribute for need in item.needs).values()):
        return
    rows = parts.store.find(ClientRow, {"department_id": item.department_id, "status": "active"}, limit=10_000)
    clients = (parts.clients.get(row.client_id) for row in rows)
    if not any(key_now(parts, client, "userinfo", now) != "no_client_key" for client in clients if client is not None):
        text = (
            f"{item.code} needs sensitive attributes, which are released only encrypted, and no client of its department has registered "
            "userinfo_encrypted_response_alg with a usable key."
        )
        raise _refused(text, "no_client_key")


def _still(parts: Parts, draft: Waiting) -> bool:
    """Whether the version in force is the one that the draft was compared with; the batch's own conditions cover what moves after this."""
    now = approved(parts, draft.item.code)
    return (now.version if now else None) == (draft.before.version if draft.before else None)


def _decided(item: ServiceItem, state: str, by: str, reference: str | None) -> ItemDecided:
    return ItemDecided(
        item=item.code,
        version=item.version,
        department=item.department_id,
        state=state,
        by=BY_CLI if by == BY_CLI else "approver",
        reference=reference,
    )


def _kind_writes(parts: Parts, kind: AttributeKind, version: int, now: int) -> list[Write]:
    row = AttributeRow(kind.code, msgspec.json.encode(kind), version + 1, now)
    where = {"code": kind.code, "version": version}
    values = {"document": row.document, "version": row.version, "updated_at": now}
    fact = AttributeKindChanged(attribute=kind.code, version=row.version, sensitive=kind.sensitive, state="kept")
    event = record(fact, at=now, entropy=parts.entropy)
    return [Update(AttributeRow, where, values) if version else Insert(row), event]


def _kind_changes(before: AttributeKind | None, after: AttributeKind) -> tuple[Change, ...]:
    left, right = (msgspec.to_builtins(kind) if kind is not None else {} for kind in (before, after))
    names = dict.fromkeys((*right, *left))
    told = ((name, str(left.get(name, "")), str(right.get(name, ""))) for name in names)
    return tuple(Change(what=name, before=old, after=new) for name, old, new in told if old != new)


def _read(row: ServiceItemRow) -> ServiceItem:
    return msgspec.json.decode(row.document, type=ServiceItem)


def _document(item: ServiceItem) -> bytes:
    return msgspec.json.encode(item, order="deterministic")


@contextmanager
def _spoken() -> Iterator[None]:
    """A broken rule of the catalogue as a refusal."""
    try:
        yield
    except BadItem as error:
        raise _refused(str(error), "catalogue_entry") from None


def _refused(text: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, text, reason=reason)
