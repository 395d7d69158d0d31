"""Logos that could not be had at registration: tried again by the worker, a few times, and told to who asks."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from idp.flows import logos
from idp.flows.worker import Worker
from idp.ports import Insert
from idp.records import ClientLogo, ClientRefusal
from keys.file_backend import open_root
from tests.clients.ground import Authority, Site, reply, site
from tests.journeys.test_register import authority, call, reaching, register, right
from tests.kit.house import House
from tests.kit.process import wait_until

__all__ = ["authority", "reaching"]
AWAY = reply(b"", 503)


def picture(colour: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(made, "PNG")
    return made.getvalue()


class Chores:
    """The worker of a house, round by round."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._worker = Worker(house.parts, open_root(house.config.keys_url), None, lambda _: None)

    def after(self, seconds: int) -> None:
        self._house.clock.advance(seconds)
        self._worker.tick()
        wait_until(self._worker.idle, "the fetch")


def named(house: House, logo: Site) -> str:
    answer = register(house, right(house), logo_uri=f"https://127.0.0.1:{logo.port}/l.png")
    return str(answer.get_json()["client_id"])


def lines(house: House, client_id: str) -> list[tuple[str, str]]:
    rows = house.parts.store.find(ClientRefusal, {"client_id": client_id}, order=("at",))
    return [(row.code, row.reason) for row in rows]


def test_a_logo_that_was_away_is_fetched_when_it_is_back(reaching: House, authority: Authority) -> None:
    """Issue 2 §4: the logo is fetched by the guarded fetcher; not for ever by the first try alone"""
    house = reaching
    with site(AWAY, authority) as logo:
        client_id, chores = named(house, logo), Chores(house)
        chores.after(30)
        assert len(logo.seen) == 1
        chores.after(30)
        assert len(logo.seen) == 2 and lines(house, client_id) == [("dropped", "logo_uri_unavailable")] * 2
        logo.answer = reply(picture())
        chores.after(570)
        assert len(logo.seen) == 2 and house.parts.store.count(ClientLogo) == 0
        chores.after(30)
        assert house.parts.store.count(ClientLogo, {"client_id": client_id}) == 1
        chores.after(90_000)
        assert len(logo.seen) == 3
    assert house.request("GET", f"/logo/{client_id}").status_code == 200


def test_the_tries_have_an_end(reaching: House, authority: Authority) -> None:
    """Nobody is called for ever because a client named them"""
    house = reaching
    with site(AWAY, authority) as logo:
        client_id, chores = named(house, logo), Chores(house)
        for _ in range(12):
            chores.after(86_400)
        client = house.parts.clients.get(client_id)
        assert client is not None
        assert len(logo.seen) == len(lines(house, client_id)) == 1 + len(logos.BACKOFF_S)
        stands = logos.state(house.parts, client)
    assert stands == logos.State(fetched=False, tries=6, next_at=None)


@pytest.mark.parametrize(
    ("failed", "waits"), [(0, 60), (1, 60), (2, 600), (3, 3600), (4, 21_600), (5, 86_400), (6, None), (99, None)]
)
def test_each_try_waits_longer(failed: int, waits: int | None) -> None:
    """One try at registration and five later"""
    assert logos.next_try(failed, 7) == (None if waits is None else 7 + waits * 1_000_000)


def test_another_address_begins_anew_and_an_old_logo_never_takes_its_place(
    reaching: House, authority: Authority
) -> None:
    """The version of the registration that named it goes with the logo"""
    house = reaching
    with site(AWAY, authority) as first, site(reply(picture("blue")), authority) as second:
        made = register(house, right(house), logo_uri=f"https://127.0.0.1:{first.port}/l.png").get_json()
        client_id, old = made["client_id"], house.parts.clients.get(made["client_id"])
        assert old is not None
        document = {"redirect_uris": made["redirect_uris"], "client_id": client_id}
        changed = {**document, "logo_uri": f"https://127.0.0.1:{second.port}/l.png"}
        call(house, "PUT", f"/register?client_id={client_id}", made["registration_access_token"], changed)
        kept = house.parts.store.one(ClientLogo, client_id=client_id)
        assert kept is not None
        first.answer = reply(picture("red"))
        assert not logos.keep(house.parts, old, 1, house.clock())
        assert house.parts.store.one(ClientLogo, client_id=client_id) == kept


def test_of_several_workers_one_tries(reaching: House, authority: Authority) -> None:
    """Each try is one line of the client's list, and one of those that it has"""
    house = reaching
    with site(AWAY, authority) as logo:
        client_id = named(house, logo)
        house.clock.advance(60)
        ((client, version),), _ = logos.due(house.parts, "", house.clock())
        with ThreadPoolExecutor(8) as pool:
            tried = list(pool.map(lambda _: logos.again(house.parts, client, version, house.clock()), range(8)))
        assert sorted(tried, key=str) == [False] + [None] * 7 and len(logo.seen) == 2
        assert logos.again(house.parts, client, version, house.clock()) is None, "the list is old"
        assert len(lines(house, client_id)) == 2
        house.clock.advance(600)
        assert logos.again(house.parts, client, version, house.clock()) is False and len(logo.seen) == 3


def test_other_lines_of_the_list_are_no_tries(reaching: House, authority: Authority) -> None:
    """Nor are those of an earlier address"""
    house = reaching
    with site(AWAY, authority) as logo:
        client_id, chores = named(house, logo), Chores(house)
        others = [("dropped", "logo_uri_unavailable", "https://old.example/l.png"), ("invalid_scope", "logo_uri", "")]
        house.parts.store.commit(
            [
                Insert(ClientRefusal(bytes([n]) * 16, client_id, house.clock(), code, reason, "", registered, ""))
                for n in range(20)
                for code, reason, registered in (others[n % 2],)
            ]
        )
        chores.after(60)
        assert len(logo.seen) == 2


def test_the_walk_comes_by_every_client(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """Step by step, and over again"""
    house = make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem))
    monkeypatch.setattr(logos, "STEP", 2)
    with site(AWAY, authority) as logo:
        asked = {named(house, logo) for _ in range(5)}
    house.clock.advance(60)
    seen, after = set[str](), ""
    for _ in range(3):
        found, after = logos.due(house.parts, after, house.clock())
        seen |= {client.client_id for client, _ in found}
    assert seen == asked and after == ""


def test_an_operator_sees_how_it_stands(idp, department: str, tmp_path: Path) -> None:
    """Issue 2 §4: no logo is lost without a word"""
    document = {
        "client_name": "Tax",
        "redirect_uris": ["https://tax.example/cb"],
        "logo_uri": "https://logo.invalid/l.png",
    }
    file = tmp_path / "client.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    made = idp.ask("clients", "add", str(file), "--department", department)
    told = idp.ask("clients", "show", made["client_id"])["logo"]
    assert told.startswith("not fetched; tries 1, next 20") and "idp clients errors" in told
