import gzip
import socket
import threading
import time

import pytest

from clients.outbound import (
    DEFAULT_LIMITS,
    GuardedOutbound,
    Limits,
    OutboundError,
    Response,
    SteadyOutbound,
    system_resolve,
)
from tests.clients.ground import Authority, reply, silent_listener, site, visitors
from tests.kit.process import PATIENCE_S

HOST = "keys.tax.example"


def failure(call, *args) -> str:
    with pytest.raises(OutboundError) as failed:
        call(*args)
    assert str(failed.value) == "The address could not be fetched"
    return failed.value.reason


def guarded(allow=("127.0.0.0/8",), addresses=("127.0.0.1",), ca=None, monotonic=time.monotonic):
    return GuardedOutbound(monotonic=monotonic, allow=allow, ca=ca, resolve=lambda host, port: list(addresses))


def test_get_over_tls_with_the_names_own_certificate(outbound, authority):
    with site(reply(b'{"keys":[]}', Content_Type="application/json"), authority) as server:
        response = outbound.get(f"https://{HOST}:{server.port}/jwks?a=b")
    assert (response.status, response.body) == (200, b'{"keys":[]}')
    assert response.headers["content-type"] == "application/json"
    method, path, headers, _ = server.seen[0]
    assert (method, path, headers["host"]) == ("GET", "/jwks?a=b", f"{HOST}:{server.port}")
    assert headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & headers.keys()


def test_post_sends_the_body_and_its_type(outbound, authority):
    with site(reply(b""), authority) as server:
        response = outbound.post(
            f"https://{HOST}:{server.port}/logout", b"logout_token=x", "application/x-www-form-urlencoded"
        )
    assert response == Response(200, response.headers, b"")
    method, _, headers, body = server.seen[0]
    assert (method, body) == ("POST", b"logout_token=x")
    assert (headers["content-type"], headers["content-length"]) == ("application/x-www-form-urlencoded", "14")


def test_an_address_literal_is_checked_against_the_certificate(outbound, authority):
    with site(reply(b"x"), authority) as server:
        assert outbound.get(f"https://127.0.0.1:{server.port}/").body == b"x"


def test_plain_http_only_to_what_the_operator_allowed():
    with site(reply(b"x")) as server:
        assert guarded().get(f"http://127.0.0.1:{server.port}").body == b"x"
        assert guarded(["localhost"]).get(f"http://localhost:{server.port}").body == b"x"
        assert failure(guarded([]).get, f"http://127.0.0.1:{server.port}") == "refused_address"
    assert [path for _, path, _, _ in server.seen] == ["/", "/"]
    assert failure(guarded([], ["8.8.8.8"]).get, "http://tax.example/") == "refused_address"


def test_the_names_lookup_by_the_system():
    assert "127.0.0.1" in system_resolve("localhost", 80)


@pytest.mark.attack("F44")
def test_a_name_that_nobody_knows_is_unreachable():
    """A resolver that fails is told as unreachable, and nothing waits for it (RFC 9700 §4.11: what clients name is fetched with care)."""

    def unknown(host, port):
        raise socket.gaierror(host)

    assert (
        failure(GuardedOutbound(monotonic=time.monotonic, resolve=unknown).get, "https://tax.example/") == "unreachable"
    )


def test_one_refused_address_among_many_refuses_all():
    with silent_listener() as listener:
        port = listener.getsockname()[1]
        mixed = guarded([], ["8.8.8.8", "127.0.0.1"])
        assert failure(mixed.get, f"https://tax.example:{port}/") == "refused_address"
        assert visitors(listener) == 0


@pytest.mark.attack("F44")
def test_the_next_address_is_tried_when_one_does_not_answer(authority):
    """One dead address of a name does not cut its keys off (RFC 8305 §5: the next one is tried)."""
    with site(reply(b"x"), authority) as server:
        outbound = guarded(["127.0.0.1", "::1"], ["::1", "127.0.0.1"], ca=str(authority.pem))
        assert outbound.get(f"https://{HOST}:{server.port}/").body == b"x"


@pytest.mark.attack("F44")
def test_a_name_is_looked_up_once(authority):
    """What was checked is what is connected to: a name that changes in between gains nothing (OWASP SSRF, DNS rebinding)."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    outbound = GuardedOutbound(monotonic=time.monotonic, allow=["127.0.0.1"], ca=str(authority.pem), resolve=rebinding)
    with site(reply(b"x"), authority) as server:
        assert outbound.get(f"https://{HOST}:{server.port}/").body == b"x"
    assert asked == [HOST]


@pytest.mark.parametrize("host", ["wrong.example", "tax.example", "x.keys.tax.example"])
def test_a_certificate_for_another_name_is_refused(outbound, authority, host):
    with site(reply(b"x"), authority) as server:
        assert failure(outbound.get, f"https://{host}:{server.port}/") == "tls"
    assert server.seen == []


def test_an_unknown_authority_is_refused(authority, tmp_path):
    stranger = Authority(tmp_path)
    with site(reply(b"x"), stranger) as server:
        assert failure(guarded(ca=str(authority.pem)).get, f"https://{HOST}:{server.port}/") == "tls"
        assert failure(guarded(ca=None).get, f"https://{HOST}:{server.port}/") == "tls"
    assert server.seen == []


def test_redirects_are_answers_and_not_followed(outbound, authority):
    with silent_listener() as listener:
        target = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with site(reply(b"", 302, Location=target), authority) as server:
            response = outbound.get(f"https://{HOST}:{server.port}/")
        assert (response.status, response.headers["location"]) == (302, target)
        assert visitors(listener) == 0


def test_proxies_of_the_environment_are_not_used(outbound, authority, monkeypatch):
    with silent_listener() as listener:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
        with site(reply(b"x"), authority) as server:
            assert outbound.get(f"https://{HOST}:{server.port}/").body == b"x"
        assert visitors(listener) == 0


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1])
def test_the_size_limit_is_exact(outbound, authority, size):
    with site(reply(b"x" * size), authority) as server:
        url = f"https://{HOST}:{server.port}/"
        if size > DEFAULT_LIMITS.max_bytes:
            assert failure(outbound.get, url) == "too_large"
        else:
            assert len(outbound.get(url).body) == size


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def endless_chunks(handler):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-A: " + b"x" * 60000 + b"\r\n")


@pytest.mark.parametrize("answer", [endless, endless_chunks, endless_headers])
def test_an_endless_answer_is_cut_off(outbound, authority, answer):
    with site(answer, authority) as server:
        assert failure(outbound.get, f"https://{HOST}:{server.port}/") in {"too_large", "unreachable"}


def test_headers_count_towards_the_size(outbound, authority):
    heavy = {f"X_{n}": "x" * 4000 for n in range(30)}
    with site(reply(b"x", 200, **heavy), authority) as server:
        assert failure(outbound.get, f"https://{HOST}:{server.port}/") == "too_large"


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_header(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("answer", [drip, drip_header])
def test_a_byte_now_and_then_does_not_hold_the_call(outbound, authority, answer, tls):
    """Each byte begins a socket's own time anew: only the whole call's has an end."""
    with site(answer, authority if tls else None) as server:
        url = f"https://{HOST}:{server.port}/" if tls else f"http://127.0.0.1:{server.port}/"
        assert failure(outbound.get, url, Limits(total_s=0.4)) == "timeout"


def test_a_port_that_accepts_and_says_nothing_times_out(outbound):
    with silent_listener() as listener:
        port = listener.getsockname()[1]
        for url in (f"https://{HOST}:{port}/", f"http://127.0.0.1:{port}/"):
            assert failure(outbound.get, url, Limits(connect_s=0.3, total_s=0.3)) == "timeout"


@pytest.mark.attack("F44")
def test_a_slow_lookup_times_out():
    """A resolver that never answers costs the call's limit and no more (DESIGN §5, Outbound)."""

    given_up = threading.Event()

    def sleeping(host, port):
        given_up.wait(PATIENCE_S)
        return []

    slow = GuardedOutbound(monotonic=time.monotonic, resolve=sleeping)
    assert failure(slow.get, "https://tax.example/", Limits(total_s=0.2)) == "timeout"
    given_up.set()


def test_time_is_counted_by_the_clock_given(authority):
    ticks = iter(range(0, 1000, 2))
    outbound = guarded(ca=str(authority.pem), monotonic=lambda: float(next(ticks)))
    with site(reply(b"x"), authority) as server:
        assert failure(outbound.get, f"https://{HOST}:{server.port}/") == "timeout"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x"])
def test_encoded_content_is_refused(outbound, authority, encoding):
    with site(reply(gzip.compress(b"0" * 10_000_000), Content_Encoding=encoding), authority) as server:
        assert failure(outbound.get, f"https://{HOST}:{server.port}/") == "content_encoding"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_answer_is_no_answer(outbound, authority, raw):
    def answer(handler):
        handler.wfile.write(raw)

    with site(answer, authority) as server:
        assert failure(outbound.get, f"https://{HOST}:{server.port}/") == "unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://tax.example/",
        "https:///x",
        "https://tax.example/\r\nX-Injected: 1",
        "https://user@tax.example/",
        "https://tax.example/#part",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://税.example/",
    ],
)
def test_other_urls_are_refused_before_any_lookup(url):
    def never(host, port):
        raise AssertionError(host)

    assert failure(GuardedOutbound(monotonic=time.monotonic, resolve=never).get, url) == "bad_url"


@pytest.mark.attack("F44")
def test_resolver_answers_that_are_no_addresses_are_refused():
    """An answer with a zone, which names an interface of ours, is no address to connect to (RFC 4007 §11)."""
    assert failure(guarded([], ["fe80::1%eth0"]).get, "https://tax.example/") == "refused_address"
    assert failure(guarded([], ["nonsense"]).get, "https://tax.example/") == "refused_address"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_steady_failures_all_take_the_same_time(outbound):
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    steady = SteadyOutbound(outbound, monotonic=lambda: now[0], sleep=sleep, floor_s=3.0)
    failure(steady.get, f"https://{HOST}:{closed_port()}/")
    failure(steady.post, f"https://{HOST}:{closed_port()}/", b"", "text/plain")
    assert slept == [3.0, 3.0]


def test_steady_success_does_not_wait(outbound, authority):
    steady = SteadyOutbound(outbound, monotonic=lambda: 0.0, sleep=lambda _: pytest.fail("waited"), floor_s=3.0)
    with site(reply(b"x"), authority) as server:
        assert steady.get(f"https://{HOST}:{server.port}/").body == b"x"
