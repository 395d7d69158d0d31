"""Back-channel logout to receivers that are down, slow, redirecting, failing, endless: neither the citizen nor the healthy wait (F41)."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from clients.outbound import Limits
from idp.flows import outbox
from idp.flows.worker import PER_CLIENT, THREADS, Worker
from idp.ports import Insert
from idp.protocol.outbox import BACKOFF_S
from idp.records import LogoutDelivery
from keys.backends import open_root
from tests.faults.ground import Served
from tests.kit.house import App, House, claims_of
from tests.kit.process import PATIENCE_S, free_port, wait_until

pytestmark = pytest.mark.slow


class Receivers:
    """Departments' endpoints on this machine, one path for each way to behave."""

    def __init__(self) -> None:
        self.got: dict[str, list[str]] = {}
        self.end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kind = self.path.split("/")[1]
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.got.setdefault(self.path, []).append(parse_qs(body)["logout_token"][0])
                if kind == "slow":
                    outer.end.wait()
                self.send_response({"moved": 302, "failing": 500}.get(kind, 200))
                if kind == "moved":
                    self.send_header("Location", "/well")
                if kind != "endless":
                    self.send_header("Content-Length", "0")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while kind == "endless" and not outer.end.is_set():
                        self.wfile.write(b"x" * 65536)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.end.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers()
    yield made
    made.close()


KINDS = ("down", "slow", "moved", "failing", "endless")
SICK = 3


@pytest.mark.attack("F41")
def test_one_citizen_many_receivers(make_served: Callable[..., Served], receivers: Receivers) -> None:
    """Receivers that are down, slow, moved, failing or endless hold up neither the citizen nor the others (Back-Channel Logout §2.5)."""
    served = make_served(log_level="debug")
    account = served.citizen()
    session, cookie = served.session(account)

    def app(kind: str, number: int = 0) -> tuple[App, dict[str, str]]:
        base = f"http://localhost:{free_port()}" if kind == "down" else receivers.base
        made = served.register(
            kind, backchannel_logout_uri=f"{base}/{kind}/{number}", backchannel_logout_session_required=True
        )
        return made, served.tokens(made, account, session=session)

    served.start(2, "--no-worker")
    # The sick come first in the queue.
    sick = {f"/{kind}/{n}": app(kind, n)[0] for kind in KINDS for n in range(SICK)}
    healthy = {f"/well/{n}": app("well", n) for n in range(3)}
    hint = healthy["/well/0"][1]["id_token"]
    page = served.request(
        "GET", "/logout", query_string={"id_token_hint": hint}, headers={"Cookie": f"yimen-session={cookie}"}
    )
    assert page.status_code == 200 and 'id="logout-done"' in page.text
    assert receivers.got == {}, "the citizen waited for a receiver"
    assert served.server.stop() == 0
    served.start(2)
    wait_until(lambda: all(path in receivers.got for path in healthy), "delivery to the healthy")
    for path, (made, tokens) in healthy.items():
        (token,) = receivers.got[path]
        assert claims_of(token)["aud"] == made.id and claims_of(token)["sid"] == claims_of(tokens["id_token"])["sid"]
    wait_until(lambda: len(receivers.got.get("/failing/0", [])) >= 2, "a second try")
    assert not any(path.startswith("/well") and len(got) > 1 for path, got in receivers.got.items())
    told = served.idp("clients", "deliveries", sick["/failing/0"].id)
    assert [(d["state"], d["trouble"]) for d in told] == [("pending", "status 500")]
    sent = served.parts.store.count
    wait_until(lambda: sent(LogoutDelivery, {"state": "sent"}) == len(healthy), "what the healthy answered")
    assert {d["trouble"] for d in served.idp("clients", "deliveries", "--state", "sent")} == {None}
    assert served.server.stop() == 0, "slow receivers held up the end"


# With the test's own clock: who holds whom up, dead letters, and a receiver with a long queue.


def work(worker: Worker) -> None:
    worker.tick()
    wait_until(worker.idle, "the end of deliveries")


def delivery(house: House, app: App, account: bytes, session: bytes) -> LogoutDelivery:
    now = house.clock()
    return LogoutDelivery(house.parts.entropy(16), app.id, account, session, "pending", 0, now, now, None)


@pytest.fixture
def reaching(make_house: Callable[..., House]) -> House:
    return make_house(outbound_allow=("localhost", "127.0.0.1", "::1"))


@pytest.mark.attack("F41")
def test_the_healthy_are_reached_while_the_slow_are_held(
    reaching: House, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older messages for one slow receiver than there are threads: it holds those of its own, for as long as it likes (Back-Channel Logout §2.5)."""
    monkeypatch.setattr(outbox, "LIMITS", Limits(connect_s=PATIENCE_S, total_s=10 * PATIENCE_S, max_bytes=4096))
    house = reaching
    slow = house.register(backchannel_logout_uri=f"{receivers.base}/slow/0")
    well = [house.register(f"well{n}", backchannel_logout_uri=f"{receivers.base}/well/{n}") for n in range(3)]
    account = house.citizen()
    session = house.session(account)[0].id
    house.parts.store.commit([Insert(delivery(house, slow, account, session)) for _ in range(2 * THREADS)])
    house.clock.advance(1)
    house.parts.store.commit([Insert(delivery(house, one, account, session)) for one in well])
    worker = Worker(house.parts, open_root(house.config.keys_url))

    def reached() -> bool:
        worker.tick()
        return all(f"/well/{n}" in receivers.got for n in range(3))

    wait_until(reached, "delivery to the healthy, while nothing lets go of the slow")
    assert len(receivers.got["/slow/0"]) <= PER_CLIENT and not worker.idle()
    receivers.end.set()
    wait_until(worker.idle, "the end of deliveries")


def test_dead_letters_are_seen_and_can_be_tried_again(reaching: House, receivers: Receivers) -> None:
    house, said = reaching, list[str]()
    app = house.register(backchannel_logout_uri=f"{receivers.base}/failing/0")
    account = house.citizen()
    row = delivery(house, app, account, house.session(account)[0].id)
    house.parts.store.commit([Insert(row)])
    worker = Worker(house.parts, open_root(house.config.keys_url), trouble=said.append)
    for pause_s in (0, *BACKOFF_S):
        house.clock.advance(pause_s)
        work(worker)
    (dead,) = house.parts.store.find(LogoutDelivery)
    assert (dead.state, dead.attempts, dead.last_error) == ("dead", len(BACKOFF_S) + 1, "status 500")
    assert [e["outcome"] for e in house.events("logout.delivered")] == ["dead"]
    assert outbox.revive(house.parts, house.clock(), "no such client") == 0
    assert outbox.revive(house.parts, house.clock(), app.id) == 1
    work(worker)
    assert len(receivers.got["/failing/0"]) == len(BACKOFF_S) + 2
    assert said == []


def test_a_long_queue_for_a_failing_receiver_is_no_ones_delay(reaching: House, receivers: Receivers) -> None:
    """Three thousand messages for one that fails, older than one for a healthy one: each look tries the failing one once or twice."""
    house = reaching
    bad = house.register(backchannel_logout_uri=f"{receivers.base}/failing/0")
    good = house.register("social", backchannel_logout_uri=f"{receivers.base}/well/0")
    account = house.citizen()
    session = house.session(account)[0].id
    for _ in range(30):
        house.parts.store.commit([Insert(delivery(house, bad, account, session)) for _ in range(100)])
    house.clock.advance(1)
    house.parts.store.commit([Insert(delivery(house, good, account, session))])
    worker = Worker(house.parts, open_root(house.config.keys_url))
    for _ in range(2):
        work(worker)
    assert len(receivers.got["/well/0"]) == 1
    assert len(receivers.got["/failing/0"]) <= 2
    assert house.parts.store.count(LogoutDelivery, {"state": "pending"}) == 3000


def test_a_failure_nobody_foresaw_rests_and_leaves_the_others_their_turn(
    reaching: House, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, said, tried = reaching, list[str](), list[bytes]()
    app = house.register(backchannel_logout_uri=f"{receivers.base}/well/0")
    account = house.citizen()
    session = house.session(account)[0].id
    poison, sound = delivery(house, app, account, session), delivery(house, app, account, session)
    house.parts.store.commit([Insert(poison), Insert(sound)])
    deliver = outbox.deliver_logout

    def broken(parts, row):
        tried.append(row.id)
        if row.id == poison.id:
            raise ValueError("李伟 li.wei@example.cn")
        return deliver(parts, row)

    monkeypatch.setattr(outbox, "deliver_logout", broken)
    worker = Worker(house.parts, open_root(house.config.keys_url), trouble=said.append)
    for _ in range(4):
        work(worker)
    assert tried.count(poison.id) == 1 and len(receivers.got["/well/0"]) == 1
    assert len(said) == 1 and "ValueError" in said[0] and "li.wei" not in said[0]
    house.clock.advance(31)
    work(worker)
    assert tried.count(poison.id) == 2
