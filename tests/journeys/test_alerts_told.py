"""Where alerts go beside the console: a webhook, syslog over TLS and e-mail, each to a receiver that listens (issue 4, Build 5)."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy
from pathlib import Path

import pytest

from idp.audit.cases import AlertRaised
from idp.flows.log_alerts import RAISED
from idp.flows.log_stream import Stream
from idp.flows.sequencer import head
from idp.notifiers import open_notifier
from idp.receivers import open_alert_sinks
from tests.clients.ground import Authority, reply, site
from tests.journeys.test_console import happen, settle
from tests.journeys.test_log_verify import written
from tests.kit.house import House
from tests.kit.process import PATIENCE_S

ALLOWED = ("127.0.0.1",)


def alerts(house: House, *rules: str) -> None:
    """An alert of each rule, among events that are none."""
    for rule in rules:
        happen(house, AlertRaised(rule=rule, severity="high", group="", count=9, first=0, last=8))
    written(house, head(house.parts).size + 20)
    settle(house)


def stream(house: House, said: list[str]) -> Stream:
    """To the one receiver that is configured."""
    notifier = open_notifier(house.config, house.parts.outbound)
    (sink,) = open_alert_sinks(house.config, house.parts.outbound, notifier)
    return Stream(house.parts, sink, trouble=said.append, only=RAISED)


def told(lines: str) -> list[str]:
    """The rules of the alerts in JSON lines; nothing else stands there."""
    found = [json.loads(line) for line in lines.splitlines() if line]
    assert {event["kind"] for event in found} == {RAISED}
    return [event["rule"] for event in found]


@contextmanager
def collected(authority: Authority | None, count: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port whose first ``count`` callers are heard to their end, one after the other."""
    got: list[bytes] = []
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.chain)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            for _ in range(count):
                line, _ = server.accept()
                with line, context.wrap_socket(line, server_side=True) if context else line as heard:
                    got.append(b"".join(iter(lambda: heard.recv(65536), b"")))

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], got
        thread.join(PATIENCE_S)


def messages(data: bytes) -> list[bytes]:
    """RFC 6587 §3.4.1: each message behind its length."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found


def test_a_webhook_gets_each_alert_and_is_tried_again(make_house, tmp_path: Path) -> None:
    """At least once: what it refused comes again, what it took does not; nothing but alerts"""
    authority, said = Authority(tmp_path), list[str]()
    with site(reply(b"", 503), authority) as hook:
        url = f"https://127.0.0.1:{hook.port}/alerts?token=secret"
        house = make_house(log_alerts_to=(url,), outbound_allow=ALLOWED, outbound_ca=str(authority.pem))
        alerts(house, "spray", "replay")
        sending = stream(house, said)
        assert (sending.step(), sending.position()) == (0, 0)
        hook.answer = reply(b"", 204)
        assert sending.step() and not sending.step()
        alerts(house, "later")
        assert sending.step() and not sending.step()
        bodies = [body.decode() for _, _, _, body in hook.seen]
        assert {(method, path) for method, path, _, _ in hook.seen} == {("POST", "/alerts?token=secret")}
    assert [told(body) for body in bodies] == [["spray", "replay"], ["spray", "replay"], ["later"]]
    assert len(said) == 1 and "secret" not in said[0]


def test_a_webhook_of_another_authority_is_told_nothing(make_house, tmp_path: Path) -> None:
    """TLS: whoever answers must be whom the address names"""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs, said = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs"), list[str]()
    with site(reply(b""), theirs) as hook:
        url = f"https://127.0.0.1:{hook.port}/alerts"
        house = make_house(log_alerts_to=(url,), outbound_allow=ALLOWED, outbound_ca=str(ours.pem))
        alerts(house, "spray")
        assert (stream(house, said).step(), len(said), hook.seen) == (0, 1, [])


@pytest.mark.parametrize("secure", [True, False])
def test_syslog_gets_each_alert(make_house, tmp_path: Path, secure: bool) -> None:
    """RFC 5424 over TLS (RFC 5425) and over TCP: one message an alert, behind its length"""
    authority, said = Authority(tmp_path), list[str]()
    with collected(authority if secure else None, 1) as (port, got):
        url = f"syslog{'s' if secure else ''}://127.0.0.1:{port}"
        house = make_house(log_alerts_to=(url,), outbound_ca=str(authority.pem))
        alerts(house, "spray", "replay")
        assert stream(house, said).step()
    made = messages(b"".join(got))
    assert said == [] and all(message.startswith(b"<109>1 ") for message in made)
    assert told("\n".join(message.partition("\ufeff".encode())[2].decode() for message in made)) == ["spray", "replay"]


def test_syslog_of_another_authority_is_told_nothing(make_house, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs, said = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs"), list[str]()
    with site(reply(b""), theirs) as other:
        house = make_house(log_alerts_to=(f"syslogs://127.0.0.1:{other.port}",), outbound_ca=str(ours.pem))
        alerts(house, "spray")
        assert (stream(house, said).step(), len(said), other.seen) == (0, 1, [])


class Mailbox(socketserver.ThreadingTCPServer):
    """RFC 5321 as far as a message needs it; ``refusing``: the mail server is full."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        self.refusing = False
        super().__init__(("127.0.0.1", 0), Correspondence)


class Correspondence(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        to = ""
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "RCPT":
                to = rest.partition("<")[2].partition(">")[0]
            if verb.upper() == "DATA" and not self.server.refusing:
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                self.server.mails.append((to, text))
            busy = self.server.refusing and verb.upper() == "DATA"
            self.wfile.write({"QUIT": b"221 bye\r\n"}.get(verb.upper(), b"452 full\r\n" if busy else b"250 fine\r\n"))
            if verb.upper() == "QUIT":
                return


def test_e_mail_comes_when_the_mail_server_takes_it(make_house) -> None:
    said = list[str]()
    with Mailbox() as box:
        threading.Thread(target=box.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{box.server_address[1]}/?from=idp@example.gov"
        house = make_house(log_alerts_to=("mailto:soc@example.gov",), smtp_url=url)
        alerts(house, "spray")
        sending, box.refusing = stream(house, said), True
        assert (sending.step(), len(said), box.mails) == (0, 1, [])
        box.refusing = False
        assert sending.step() and not sending.step()
        box.shutdown()
    ((to, text),) = box.mails
    mail = message_from_string(text, policy=policy.default)
    assert (to, mail["To"], mail["From"]) == ("soc@example.gov", "soc@example.gov", "idp@example.gov")
    assert "1 alert" in mail["Subject"] and told(mail.get_content()) == ["spray"]
