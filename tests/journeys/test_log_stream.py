"""Streams to a SIEM: every event at least once and in order, however often the receiver or we were away (issue 4, Build 6; F46)."""

import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from idp.config import ConfigError
from idp.flows.log_stream import BATCH, Stream
from idp.flows.sequencer import head
from idp.receivers import open_sinks
from idp.records import Event
from tests.journeys.test_log_verify import Insider, written
from tests.kit.house import House


class Taker:
    """A receiver that is away when told so; ``got`` what it took."""

    name, format = "taker", "json"

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.away = False

    def send(self, lines: Sequence[str], now: int) -> None:
        if self.away:
            raise OSError("away")
        self.got += [json.loads(line) for line in lines]


def indices(taker: Taker) -> list[int]:
    return [line["index"] for line in taker.got]


def drained(stream: Stream) -> int:
    total = 0
    while count := stream.step():
        total += count
    return total


def test_every_event_comes_in_order(any_house):
    house, taker = any_house, Taker()
    written(house, 1200)
    stream = Stream(house.parts, taker)
    assert drained(stream) == 1200
    assert indices(taker) == list(range(1200))
    known = {e.id.hex() for e in house.parts.store.find(Event, limit=2000)}
    assert {line["id"] for line in taker.got} == known
    written(house, 1210)
    assert Stream(house.parts, taker).step() == 10, "the place is kept over a restart"
    assert indices(taker) == list(range(1210))


@pytest.mark.attack("F46")
def test_a_receiver_that_was_away_misses_nothing(house):
    """The log goes on; trouble is said once"""
    taker, said = Taker(), list[str]()
    stream = Stream(house.parts, taker, trouble=said.append)
    written(house, 30)
    taker.away = True
    assert [stream.step() for _ in range(3)] == [0, 0, 0]
    written(house, 60)
    assert (head(house.parts).size, said) == (60, ["audit log: taker: events wait: OSError"])
    taker.away = False
    assert drained(stream) == 60 and indices(taker) == list(range(60))


def test_a_death_behind_the_sending_sends_again(house):
    """At least once: the place moves after the receiver took what came before"""
    written(house, 50)
    taker = Taker()

    class Dying(Taker):
        def send(self, lines: Sequence[str], now: int) -> None:
            taker.send(lines, now)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stream(house.parts, Dying()).step()
    assert drained(Stream(house.parts, taker)) == 50
    assert indices(taker) == [*range(50), *range(50)]


def test_what_is_gone_or_spoilt_holds_nobody_up(house):
    written(house, 40)
    insider = Insider(house)
    insider.do(
        f"DELETE FROM events WHERE seq = {insider.seq(10)}",
        f"UPDATE events SET head = x'ff' WHERE seq = {insider.seq(20)}",
    )
    taker = Taker()
    assert drained(Stream(house.parts, taker)) == 40
    assert indices(taker) == [i for i in range(40) if i != 10]


def test_two_sinks_have_a_place_each(make_house, tmp_path):
    urls = (f"file://{tmp_path}/a.jsonl", f"file://{tmp_path}/b.cef?format=cef")
    house = make_house(log_sinks=urls)
    written(house, BATCH + 5)
    one, other = (Stream(house.parts, sink) for sink in open_sinks(house.config, house.parts.outbound))
    assert drained(one) == BATCH + 5
    assert (one.position(), other.position()) == (BATCH + 5, 0)
    assert drained(other) == BATCH + 5
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(BATCH + 5))
    assert all(line.startswith("CEF:0|") for line in (tmp_path / "b.cef").read_text().splitlines())
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_http_receiver_gets_lines(make_house):
    """Any 2xx is taken; anything else is tried again"""
    bodies, statuses = list[bytes](), [500, 204]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/in?format=ocsf"
    house: House = make_house(log_sinks=(url,), outbound_allow=("127.0.0.1",))
    written(house, 20)
    stream = Stream(house.parts, open_sinks(house.config, house.parts.outbound)[0], trouble=lambda _: None)
    assert [stream.step(), stream.step(), stream.step()] == [0, 20, 0]
    server.shutdown()
    server.server_close()
    assert bodies[0] == bodies[1]
    assert all(json.loads(line)["class_uid"] for line in bodies[1].decode().splitlines())


@pytest.mark.parametrize("url", ["file:///x?format=xml", "ftp://x", "x", "syslog:"])
def test_an_address_that_is_none_is_refused(make_house, url):
    house = make_house(log_sinks=(url,))
    with pytest.raises(ConfigError, match="IDP_LOG_SINKS"):
        open_sinks(house.config, house.parts.outbound)


def test_an_address_twice_is_refused(make_house):
    house = make_house(log_sinks=("file:///x", "file:///x"))
    with pytest.raises(ConfigError, match="twice"):
        open_sinks(house.config, house.parts.outbound)


def test_a_sinks_name_tells_no_secret(make_house):
    house = make_house(log_sinks=("https://user:secret@siem.example/in?token=secret&format=ecs",))
    (sink,) = open_sinks(house.config, house.parts.outbound)
    assert "secret" not in sink.name and sink.format == "ecs"
