"""Attacks on the wire, byte for byte, against the server that is really run: lengths, lines, hosts, paths."""

import socket
from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.faults.ground import Served
from tests.kit.process import PATIENCE_S

pytestmark = pytest.mark.slow
SILENCE_S = 0.7

PIPELINED = b"GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
GOOD = b"GET /jwks HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"


def exchange(served: Served, data: bytes, *, done: bool = False) -> bytes:
    """Everything that comes back until the server closes, or half a second of silence behind an answer that announces no end. ``done``: our side
    is closed behind the data."""
    host = served.config.host
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=PATIENCE_S) as line:
        line.sendall(data.replace(b"HOST", host.encode()))
        if done:
            line.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := line.recv(65_536):
                answer += part
                line.settimeout(PATIENCE_S if b"connection: close" in answer.lower() else SILENCE_S)
        except TimeoutError:
            assert answer, "neither an answer nor an end"
        except ConnectionResetError:
            pass
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


CHUNK = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
POST = b"POST /token HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
GET = b"GET /jwks HTTP/1.1\r\nHost: HOST\r\n"
REQUESTS: dict[str, bytes] = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\naaaaa" + PIPELINED,
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PIPELINED,
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 500\r\n\r\n0\r\n\r\n" + PIPELINED,
    "an odd coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n5\r\naaaaa\r\n0\r\n\r\n" + PIPELINED,
    "a coding hidden by a tab": POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + PIPELINED,
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\naaaaa" + PIPELINED,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + PIPELINED,
    "a length with a plus": POST + b"Content-Length: +5\r\n\r\naaaaa" + PIPELINED,
    "two hosts": GET + b"Host: evil.example\r\n\r\n",
    "two hosts, ours last": b"GET /jwks HTTP/1.1\r\nHost: evil.example\r\nHost: HOST\r\n\r\n",
    "no host": b"GET /jwks HTTP/1.1\r\n\r\n",
    "another host": b"GET /jwks HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "another host in absolute form": b"GET http://evil.example/jwks HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "NUL in a header": GET + b"X-A: a\x00b\r\n\r\n",
    "a bare line feed": GET + b"X-A: a\rX-B: b\r\n\r\n",
    "a folded header": GET + b"X-A: a\r\n b\r\n\r\n",
    "NUL in the path": b"GET /jw\x00ks HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "an odd version": b"GET /jwks HTTP/9.9\r\nHost: HOST\r\n\r\n",
    "bytes in the query of a page": b"GET /sign-in?lang=\xff\xfe HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "bytes in the query of an operation": b"GET /authorize?client_id=\xe9\xff HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "a method in small letters": b"get /jwks HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "a header of 33 kB": GET + b"X-A: " + b"a" * 33_000 + b"\r\n\r\n",
    "a header of 380 kB": GET + b"X-A: " + b"a" * 380_000 + b"\r\n\r\n",
    "names of 380 kB": GET + b"".join(b"X-%d" % n + b"a" * 30_000 + b": 1\r\n" for n in range(13)) + b"\r\n",
    "an endless header": GET + b"X-A: " + b"a" * 2_000_000 + b"\r\n\r\n",
    "very many headers": GET + b"" + b"".join(b"X-%d: 1\r\n" % n for n in range(5000)) + b"\r\n",
    "an upgrade": b"GET /jwks HTTP/1.1\r\nHost: evil.example\r\n" + UPGRADE,
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "a body over the limit": POST + b"Content-Length: 131073\r\n\r\n" + b"a" * 131_073,
    "chunks over the limit": POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * 5 + b"0\r\n\r\n",
}
"""None of these may be answered with success, or as two requests where a proxy may have seen one."""


@pytest.mark.attack("A164", "A163", "A118", "A005")
def test_what_the_wire_brings(make_served: Callable[..., Served]) -> None:
    """Ambiguous and hostile messages are refused or closed, never answered with success, a 5xx or as two (RFC 9112 §2.2, §3.2, §6.3)."""
    served = make_served()
    served.start(1)
    wrong = {}
    for what, data in REQUESTS.items():
        answer = exchange(served, data)
        got = statuses(answer)
        told = any(status < 400 or status >= 500 for status in got) or b"smuggled" in answer or b"evil" in answer
        if told or len(got) > 1:
            wrong[what] = (got, answer[:200])
        assert statuses(exchange(served, GOOD)) == [200], what
    assert wrong == {}
    cookie = b"GET /account HTTP/1.1\r\nHost: HOST\r\nCookie: yimen-session=\xff\xfe; yimen-browser=\xe9\r\n\r\n"
    assert statuses(exchange(served, cookie)) == [400]  # a page that says so: test_foreign_cookies.py


LENGTHS: dict[str, bytes] = {
    "a shorter length": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a longer length": b"Content-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n",
    "the length behind": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    "the length of the chunks": b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.attack("A164")
def test_a_length_beside_chunks_ends_the_connection(make_served: Callable[..., Served]) -> None:
    """Nothing that came behind is a request: refused and closed, as RFC 9112 §6.3 and §6.1 have it, so no front that went by the length can have
    another request answered here."""
    served = make_served()
    served.start(1)
    body = b"7\r\ntoken=x\r\n0\r\n\r\n"
    for what, lengths in LENGTHS.items():
        answer = exchange(served, POST + lengths + body + PIPELINED)
        assert statuses(answer) == [411], (what, answer)  # the server dropped the length
        assert b"connection: close" in answer.lower().partition(b"\r\n\r\n")[0], what
        hidden = b"%x\r\n" % len(PIPELINED.replace(b"HOST", served.config.host.encode())) + PIPELINED + b"\r\n0\r\n\r\n"
        assert statuses(exchange(served, POST + lengths + hidden + PIPELINED)) == [411], what


ENDS: dict[str, bytes] = {
    "the last chunk": b"0\r\n\r\n",
    "no last chunk": b"",
    "a size that is none": b"ZZ\r\n",
    "a size with letters before it": b"XX0\r\n\r\n",
    "half a size": b"5",
    "half a chunk": b"50\r\nscope=",
    "a trailer that doesn't end": b"0\r\nX-A: ",
}


@pytest.mark.attack("A164", "A161")
def test_chunks_get_nothing_however_they_end(make_served: Callable[..., Served]) -> None:
    """A message that breaks off is incomplete and must not be acted on (RFC 9112 §8); the server doesn't tell it from a whole one. So all are
    told to name a length (RFC 9110 §15.5.12), nothing is issued, the connection ends. The same body with a length is good for a token."""
    served = make_served()
    served.start(1)
    app = served.machine()
    basic = b64encode(f"{app.id}:{app.secret}".encode())
    head = POST + b"Authorization: Basic " + basic + b"\r\n"
    form = b"grant_type=client_credentials"
    for what, end in ENDS.items():
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(form), form) + end
        answer = exchange(served, chunked)
        assert statuses(answer) == [411], (what, answer)
        assert b"Content-Length" in answer.partition(b"\r\n\r\n")[2], what
        assert b"connection: close" in answer.lower().partition(b"\r\n\r\n")[0], what
        assert set(statuses(exchange(served, chunked, done=True))) <= {411}, (
            what
        )  # a caller that hung up may get no answer
    answer = exchange(served, head + b"Content-Length: %d\r\n\r\n%s" % (len(form), form))
    assert statuses(answer) == [200] and b"access_token" in answer
    assert len(served.events("token.client_issued")) == 1


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""An empty SETTINGS frame (RFC 9113 §6.5)."""


@pytest.mark.attack("A164", "A118")
def test_http_2_is_not_spoken(make_served: Callable[..., Served]) -> None:
    """By prior knowledge it would begin in the clear (RFC 9113 §3.3), with a second name for the host beside ``Host`` (§8.3.1)."""
    served = make_served()
    served.start(1)
    answer = exchange(served, PREFACE + SETTINGS)
    assert statuses(answer) in ([], [400], [505]), answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer
    assert statuses(exchange(served, GOOD)) == [200]
