"""Ten million events on PostgreSQL: how long each page of the console takes, and how much memory an export.

    python -m tests.bench.ten_million --events 10000000 [--processes 2] [--json FILE]

Not a test: it takes tens of minutes and about 1 KiB of disk an event, in a temporary folder that it removes. Exit status 1 when a page took longer
than two seconds.
"""

import argparse
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from idp.app import prepare
from idp.bench.cpu import between_us, spent_ns
from idp.flows.log_export import extract, write
from idp.flows.log_reading import events_between, prove
from idp.flows.log_verify import check_rows
from idp.flows.sequencer import head, log_signer
from idp.ports import Update
from idp.records import Account, Event, TreeBundle
from tests.bench.bulk import ATTACKER, World, load
from tests.kit.clock import START, FakeClock
from tests.kit.house import House, config_in
from tests.kit.person import Person
from tests.kit.postgres import SETTINGS, Postgres

LIMIT_S = 2.0
CITIZENS, CLIENTS, DEPARTMENTS = 50, 200, 20
EXPORTED = (50_000, 500_000)
"""Events of the two exports whose memory is compared."""
LOADING = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""A server that is loaded once and then only read."""
ACCESS = {"amr": "pwd otp", "acr": "urn:yimen:acr:2"}


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--events", type=int, default=10_000_000)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--json", type=Path)
    words.add_argument("--keep-open", action="store_true", help="wait for a key at the end, the server still there")
    given = words.parse_args()
    with _house() as (house, server, folder):
        world = _world(house, given.events)
        began = time.monotonic()
        load(house.parts, world, given.processes, lambda done: _tell(f"made {done:,} of {given.events:,}"))
        made_s = time.monotonic() - began
        _tell(f"made in {made_s:.0f} s; load {os.getloadavg()[0]:.1f}; {_size(server, house)}")
        _is_real(house)
        pages = list(_pages(house, server, world))
        exports = [_exported(house, count, folder) for count in EXPORTED if count <= given.events]
        report = {"events": head(house.parts).size, "made_s": round(made_s), "pages": pages, "exports": exports}
        if given.json:
            given.json.write_text(json.dumps(report, indent=1))
        for row in (*pages, *exports):
            print("  ".join(f"{name} {value}" for name, value in row.items()))
        if given.keep_open:
            print(house.config.database_url)
            sys.stdin.readline()
    return int(any(page["first_s"] > LIMIT_S for page in pages))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _house() -> Iterator[tuple[House, Postgres, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="yimen-ten-million-"))
    SETTINGS.update(LOADING)
    server = Postgres()
    try:
        config = config_in(folder, database_url=server.database(), keyring_url=server.database())
        clock = FakeClock()
        prepare(config, clock=clock)
        house = House(config, clock)
        try:
            yield house, server, folder
        finally:
            house.close()
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _world(house: House, total: int) -> World:
    accounts = [house.citizen(f"citizen.{n}", claims={}) for n in range(CITIZENS)]
    clients = [house.register(f"d{n % DEPARTMENTS}").id for n in range(CLIENTS)]
    first = house.parts.store.find(Event, order=("seq",), limit=10_000)
    return World(
        url=house.config.database_url,
        seed=1,
        until=START,
        people=tuple(map(house.parts.vault.citizen, accounts)),
        clients=tuple(clients),
        first=tuple((event.seq, event.entry) for event in first),
        total=total,
    )


def _is_real(house: House) -> None:
    """The product's own checks over samples: rows against leaves, inclusion against the signed root."""
    size = head(house.parts).size
    for index in range(0, size, max(size // 50, 1)):
        bundle = house.parts.store.one(TreeBundle, n=index // 256)
        assert bundle is not None
        check_rows(house.parts, bundle)
        prove(house.parts, next(events_between(house.parts, index, index + 1))[1])


def _size(server: Postgres, house: House) -> str:
    with server.connect(house.config.database_url.split("/")[3].split("?")[0]) as connection:
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) / 1048576 FROM pg_class WHERE relkind IN ('r', 'p') "
            "AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 5"
        ).fetchall()
    return ", ".join(f"{name} {size:,} MiB" for name, size in rows)


# Pages ------------------------------------------------------------------------------------------------------------------------


def _addresses(house: House, world: World) -> Iterator[tuple[str, str]]:
    busy, quiet = world.clients[0], world.clients[-1]
    citizen, rare = world.people[0].pseudonym.hex(), world.people[-1].pseudonym.hex()
    bundle = house.parts.store.one(TreeBundle, n=head(house.parts).size // 512)
    assert bundle is not None
    middle = house.parts.store.one(Event, seq=bundle.min_seq)
    old = house.parts.store.one(Event, seq=world.seq(5000))
    assert middle is not None and old is not None

    def search(**words: str) -> str:
        return f"/console/events?{urlencode({'within': 'all', **words})}"

    yield "overview", "/console"
    yield "overview, a week", "/console?period=7d"
    yield "log", "/console/log"
    yield "search: nothing asked, a day", "/console/events"
    yield "search: nothing asked, all", search()
    yield "search: nothing asked, deep", search(before=middle.id.hex())
    yield "search: nothing asked, deepest", search(before=old.id.hex())
    yield "frequent action, all", search(action="token.refreshed")
    yield "frequent action, deep", search(action="token.refreshed", before=middle.id.hex())
    yield "rare action, all", search(action="code.replayed")
    yield "action that never was", search(action="key.escrowed")
    yield "group of actions, failures", search(outcome="refused")
    yield "busy client", search(client=busy)
    yield "busy client, deep", search(client=busy, before=middle.id.hex())
    yield "quiet client, rare action", search(client=quiet, action="code.replayed")
    yield "busy client, frequent action", search(client=busy, action="code.redeemed")
    yield "busy client, rare action", search(client=busy, action="consent.given")
    yield "department", search(department="d0")
    yield "department, rare action", search(department="d19", action="code.replayed")
    yield "department, frequent action, deep", search(department="d3", action="token.refreshed", before=middle.id.hex())
    yield "two frequent that rarely meet", search(client=busy, action="token.client_issued", department="d0")
    yield "two that never meet", search(client=busy, department="d1")
    yield "factor, all", search(factor="otp")
    yield "factor that never was", search(factor="hwk")
    yield "acr, deep", search(acr="urn:yimen:acr:1", before=middle.id.hex())
    yield "acr, rare action", search(acr="urn:yimen:acr:2", action="session.started")
    yield "factor, busy client", search(factor="pwd", client=busy)
    yield "busy person", search(person=citizen)
    yield "busy person, deep", search(person=citizen, before=middle.id.hex())
    yield "busy person, busy client", search(person=citizen, client=busy)
    yield "busy person, quiet client", search(person=citizen, client=quiet)
    yield "a month long ago, client and action", search(client=busy, action="attributes.released") + _window(world)
    yield "unknown person", search(person="0" * 32)
    yield "unknown session", search(session="0" * 32)
    yield "one event", f"/console/events/{middle.id.hex()}"
    yield "one word: an event", f"/console/jump?to={middle.id.hex()}"
    yield "one word: nothing", "/console/jump?to=nothing-of-this-name"
    yield "saved searches", "/console/searches"
    yield "cases", "/console/cases"
    yield "alerts", "/console/alerts"
    yield "rules", "/console/rules"
    yield "a rule", "/console/rules/guessing-at-many-accounts"
    yield "approvals", "/console/approvals"
    yield "clients", "/console/clients"
    yield "busy client's view", f"/console/clients/{busy}"
    yield "quiet client's view", f"/console/clients/{quiet}"
    yield "busy account's view", f"/console/accounts/{citizen}"
    yield "quiet account's view", f"/console/accounts/{rare}"


def _looked_up() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """What is typed into forms: name, page of the form, a word in the form's tag, fields."""
    for name, typed in (
        ("an address that attacked", ATTACKER),
        ("an address", "198.51.7.7"),
        ("an address that never was", "192.0.2.1"),
        ("a network near by", "198.51.7.0/24"),
        ("a network between", "198.51.0.0/18"),
        ("the network of nearly all", "198.51.0.0/16"),
    ):
        yield name, "/console", 'id="ask-address"', {"what": "address", "address": typed}
    person = {"what": "person", "identifier": "citizen.0", "why": "alert"}
    yield "a person", "/console", 'id="ask-person"', person
    yield "a person's address, who read it", "/console", 'id="ask-person"', {**person, "data": "address", "since": "7d"}
    rule = {"do": "try", "name": "", "about": "", "count": "3", "within": "60", "severity": "high", "reason": ""}
    for action in ("session.refused", "token.refreshed", "code.replayed"):
        yield (
            f"rule tried: {action}",
            f"/console/rules/new?action={action}&within=7d",
            'action="/console/rules/new',
            rule,
        )


def _window(world: World) -> str:
    since, until = (
        time.strftime("%Y-%m-%dT%H:%M", time.gmtime(world.until / 1e6 - days * 86_400)) for days in (230, 200)
    )
    return "&" + urlencode({"from": since, "to": until})


def _pages(house: House, server: Postgres, world: World) -> Iterator[dict[str, Any]]:
    account = house.citizen("wang.audit", claims={})
    house.parts.store.commit([Update(Account, {"id": account}, {"roles": "auditor"})])
    person = Person(house, remote="198.51.100.77")
    person.set_cookie("session", house.session(account, **ACCESS)[1])
    for name, path in _addresses(house, world):
        yield _page(server, name, partial(person.get, path))
    for name, path, form, fields in _looked_up():
        yield _page(server, name, partial(_fill, person, form, fields), before=partial(person.get, path))


def _fill(person: Person, form: str, fields: dict[str, str]) -> TestResponse:
    tags = re.findall(r"<form[^>]*>", person.page.text)
    return person.submit(fields, form=next(n for n, tag in enumerate(tags) if form in tag))


def _page(
    server: Postgres, name: str, visit: Callable[[], TestResponse], before: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """The first visit of three, the fastest, and the least CPU. ``before``: a step that is not timed."""
    times, cpu = [], []
    for _ in range(3):
        before()
        spent, began = _spent(server), time.perf_counter()
        answer = visit()
        times.append(time.perf_counter() - began)
        cpu.append(_us(spent, _spent(server)) / 1e6)
        assert answer.status_code in (200, 400, 404), (name, answer.status)
    return {"page": name, "first_s": round(times[0], 3), "again_s": round(min(times), 3), "cpu_s": round(min(cpu), 3)}


def _spent(server: Postgres) -> list[dict[str, int]]:
    return [spent_ns(pid) for pid in (os.getpid(), server.pid)]


def _us(before: list[dict[str, int]], after: list[dict[str, int]]) -> float:
    return sum(between_us(b, a) for b, a in zip(before, after, strict=True))


# Exports ----------------------------------------------------------------------------------------------------------------------


def _exported(house: House, count: int, folder: Path) -> dict[str, Any]:
    """One export in a process of its own: its greatest memory and rate."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, json.dumps(_export(house, count, folder)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as told:
        return dict(json.loads(told.read()))


def _export(house: House, count: int, folder: Path) -> dict[str, Any]:
    began, base = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = head(house.parts).size
    what = extract(house.parts, size // 2 - count // 2, size // 2 + count - count // 2)
    with (folder / "out.zip").open("wb") as out:
        done = write(house.parts, log_signer(house.parts), what, out, sheet=False, progress=_nothing)
    spent = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
    return {"export of": done, "seconds": round(spent, 1), "MiB above the start": round(grown / 1024, 1)}


_nothing: Callable[[int, int], None] = lambda _done, _of: None  # noqa: E731


if __name__ == "__main__":
    sys.exit(main())
