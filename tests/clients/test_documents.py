import threading
import time

import msgspec
import pytest
from joserfc.jwk import ECKey

from clients.documents import KeyDirectory, KeysUnavailable, check_sector, fetch_jwks, fetch_logo
from clients.errors import ClientError
from clients.outbound import DEFAULT_LIMITS, Limits, OutboundError, Response
from tests.clients.ground import EC_KEY, RSA_KEY, jwks, make_client, reply, site
from tests.clients.test_logos import picture
from tests.kit.process import PATIENCE_S

URI = "https://tax.example/jwks"
BY_ADDRESS = make_client(jwks_uri=URI)
ROTATED = ECKey.generate_key("P-256", {"kid": "new"})


class Department:
    """The department's end of the :class:`Outbound` port: answers what it is told to, and counts."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body or msgspec.json.encode(jwks(EC_KEY))
        self.status = 200
        self.down: str | None = None
        self.calls = 0
        self.gate: threading.Event | None = None
        self.limits = DEFAULT_LIMITS

    def get(self, url: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        self.calls += 1
        self.limits = limits
        if self.gate is not None:
            assert self.gate.wait(PATIENCE_S)
        if self.down:
            raise OutboundError(self.down)
        return Response(self.status, {}, self.body)

    def post(self, url: str, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Response:
        raise AssertionError(url)


@pytest.fixture
def department():
    return Department()


@pytest.fixture
def directory(department, clock):
    return KeyDirectory(department, clock)


def unavailable(directory, client=BY_ADDRESS, kid=None) -> str:
    with pytest.raises(KeysUnavailable) as refused:
        directory.keys_for(client, kid)
    return refused.value.reason


def test_a_set_is_fetched_once_in_ten_minutes(directory, department, clock):
    for _ in range(5):
        assert directory.keys_for(BY_ADDRESS, "ec").has_kid("ec")
    clock.advance(599)
    directory.keys_for(BY_ADDRESS)
    assert department.calls == 1
    clock.advance(1)
    directory.keys_for(BY_ADDRESS)
    assert department.calls == 2


def test_a_rotation_is_seen_at_once(directory, department, clock):
    directory.keys_for(BY_ADDRESS, "ec")
    clock.advance(31)
    department.body = msgspec.json.encode(jwks(ROTATED, EC_KEY))
    assert directory.keys_for(BY_ADDRESS, "new").has_kid("new")
    assert department.calls == 2


def test_unknown_kids_cause_one_fetch_in_half_a_minute(directory, department, clock):
    for n in range(50):
        assert not directory.keys_for(BY_ADDRESS, f"made-up-{n}").has_kid("made-up")
    assert department.calls == 1
    clock.advance(30)
    for n in range(50):
        directory.keys_for(BY_ADDRESS, f"made-up-{n}")
    assert department.calls == 2


@pytest.mark.parametrize("breakage", ["down", "status", "private", "weak", "syntax"])
@pytest.mark.attack("F42")
def test_the_last_good_set_serves_for_a_day(directory, department, clock, breakage):
    """An address of keys that fails leaves the last good set in use for a day (OIDC Core §10.1.1)."""
    directory.keys_for(BY_ADDRESS)
    department.down = "timeout" if breakage == "down" else None
    department.status = 500 if breakage == "status" else 200
    department.body = {
        "private": msgspec.json.encode({"keys": [EC_KEY.as_dict(private=True)]}),
        "weak": msgspec.json.encode({"keys": [{**RSA_KEY.as_dict(private=False), "e": "Aw"}]}),
        "syntax": b"<html>",
    }.get(breakage, department.body)
    clock.advance(24 * 3600)
    assert directory.keys_for(BY_ADDRESS, "ec").has_kid("ec")
    clock.advance(1)
    assert unavailable(directory).startswith("jwks_")


def test_failures_are_not_repeated_at_once_and_end_with_the_outage(directory, department, clock):
    department.down = "unreachable"
    for _ in range(10):
        assert unavailable(directory) == "jwks_uri_unavailable"
    assert department.calls == 1
    department.down = None
    clock.advance(30)
    assert directory.keys_for(BY_ADDRESS).has_kid("ec")


@pytest.mark.attack("F42")
def test_fifty_threads_make_one_fetch(directory, department):
    """Single flight: many threads that need one document fetch it once (RFC 9700 §4)."""
    department.gate = threading.Event()
    found = []
    threads = [threading.Thread(target=lambda: found.append(directory.keys_for(BY_ADDRESS, "ec"))) for _ in range(50)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    department.gate.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (len(found), department.calls) == (50, 1)


def test_a_slow_refetch_holds_up_nobody_who_has_what_he_needs(directory, department, clock):
    directory.keys_for(BY_ADDRESS)
    clock.advance(600)
    department.gate = threading.Event()
    slow = threading.Thread(target=directory.keys_for, args=(BY_ADDRESS,))
    slow.start()
    while department.calls < 2:
        time.sleep(0.005)
    assert directory.keys_for(BY_ADDRESS, "ec").has_kid("ec")  # would wait for the gate otherwise
    department.gate.set()
    slow.join(PATIENCE_S)
    assert department.calls == 2


def test_the_cache_is_bounded(department, clock):
    directory = KeyDirectory(department, clock, capacity=2)
    for n in (1, 2, 3, 1):
        directory.keys_for(make_client(client_id=str(n), jwks_uri=f"{URI}/{n}"))
    assert department.calls == 4
    for n in (1, 2, 3):
        directory.keys_for(make_client(client_id=str(n), jwks=jwks(EC_KEY)))
    assert len(directory._fetched) == len(directory._parsed) == 2


def test_keys_by_value_are_parsed_once_per_registered_set(directory):
    client = make_client(jwks=jwks(EC_KEY))
    assert directory.keys_for(client) is directory.keys_for(client)
    changed = make_client(jwks=jwks(ROTATED))
    assert directory.keys_for(changed, "new").has_kid("new")
    assert not directory.keys_for(changed).has_kid("ec")


def test_clients_without_usable_keys(directory):
    assert unavailable(directory, make_client()) == "jwks_missing"
    assert unavailable(directory, make_client(jwks={"keys": []})) == "jwks_empty"


def refusal(call, *args) -> ClientError:
    with pytest.raises(ClientError) as refused:
        call(*args)
    assert refused.value.code == "invalid_client_metadata"
    return refused.value


def test_one_text_whatever_kept_the_document_away(department):
    texts = set()
    for reason in ("refused_address", "unreachable", "timeout", "tls", "too_large", "content_encoding", "bad_url"):
        department.down = reason
        texts.add(refusal(fetch_jwks, department, URI).public)
    department.down, department.status = None, 404
    texts.add(refusal(fetch_jwks, department, URI).public)
    assert texts == {"jwks_uri: the document could not be fetched"}


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"null", b"[" * 60_000, b'{"keys":[]}'])
def test_documents_that_are_no_key_sets(body):
    assert refusal(fetch_jwks, Department(body), URI).reason.startswith("jwks_")


def test_key_sets_over_the_wire(outbound, authority):
    with site(reply(msgspec.json.encode(jwks(EC_KEY))), authority) as server:
        assert fetch_jwks(outbound, f"https://keys.tax.example:{server.port}/").has_kid("ec")
    with site(reply(b"", 302, Location="https://keys.tax.example/"), authority) as server:
        refusal(fetch_jwks, outbound, f"https://keys.tax.example:{server.port}/")


def test_sector_documents(department):
    department.body = b'["https://tax.example/cb"]'
    check_sector(department, URI, ["https://tax.example/cb"])
    assert refusal(check_sector, department, URI, ["https://tax.example/other"]).reason == "sector_missing_uri"
    department.down = "timeout"
    assert refusal(check_sector, department, URI, []).reason == "sector_identifier_uri_unavailable"


def test_logos_are_fetched_once_and_reencoded(department):
    department.body = picture("JPEG", (600, 300))
    assert fetch_logo(department, URI).startswith(b"\x89PNG")
    assert (department.calls, department.limits.max_bytes) == (1, 1024 * 1024)
    department.body = b"<svg/>"
    assert refusal(fetch_logo, department, URI).reason == "logo_unreadable"
