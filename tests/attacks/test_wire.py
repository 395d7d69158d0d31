"""Attacks by the shape of a request: its size, its lengths, its depth, and doors that should not be there."""

import pytest

from tests.attacks.authorize_ground import rows
from tests.kit.house import House, basic
from tests.kit.person import FORM

ENDPOINTS = (
    "/authorize",
    "/token",
    "/userinfo",
    "/introspect",
    "/revoke",
    "/par",
    "/register",
    "/logout",
    "/sign-in",
    "/consent",
)
JSON = "application/json"
GIANTS: dict[str, tuple[int, str, bytes]] = {
    "a megabyte": (413, FORM, b"token=" + b"a" * 1_000_000),
    "a thousand fields": (400, FORM, b"&".join(b"p%d=1" % n for n in range(1000))),
    "a thousand of one name": (400, FORM, b"&".join([b"token=1"] * 1000)),
    "parts without end": (400, "multipart/form-data; boundary=x", b"--x\r\n" * 20_000),
    "ten thousand levels": (400, JSON, b"[" * 10_000 + b"]" * 10_000),
    "a number without end": (400, JSON, b'{"default_max_age":' + b"9" * 50_000 + b"}"),
}


@pytest.mark.attack("A163", "F36")
@pytest.mark.parametrize("giant", GIANTS)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_giants_are_refused_and_change_nothing(house: House, path: str, giant: str) -> None:
    """A client that may ask, a body beyond measure: 4xx, no row, no crash (CVE-2023-25577; ASVS 4.3.1, 15.2.2)."""
    app = house.register()
    before = rows(house)
    status, kind, data = GIANTS[giant]
    answer = house.request("POST", path, data=data, content_type=kind, headers=basic(app.id, app.secret or ""))
    assert answer.status_code == status or (status == 400 and 400 <= answer.status_code < 500), answer.status
    assert rows(house) == before and b'"crash"' not in b"".join(house.lines)


@pytest.mark.attack("A163")
@pytest.mark.parametrize("path", ENDPOINTS)
def test_packed_bodies_are_not_unpacked(house: House, path: str) -> None:
    """A small packed body is not looked into: nothing is inflated (CWE-409)."""
    headers = {"Content-Encoding": "gzip"}
    assert house.request("POST", path, data=b"\x1f\x8b", content_type=FORM, headers=headers).status_code == 415


@pytest.mark.attack("A163")
@pytest.mark.parametrize("header", ["Cookie", "Authorization"])
@pytest.mark.parametrize("path", [*ENDPOINTS, "/jwks", "/", "/static/x"])
def test_giant_headers_are_not_read(house: House, path: str, header: str) -> None:
    """A cookie or a credential longer than any of ours is refused before it is split or looked up (RFC 6585 §5)."""
    values = {"Cookie": "__Host-yimen-session=" + "A" * 33_000, "Authorization": "Bearer " + "a." * 17_000}
    for method in ("GET", "POST"):
        assert house.request(method, path, headers={header: values[header]}).status_code == 431
    values = {"Cookie": "other=" + "A" * 30_000, "Authorization": "Bearer " + "a." * 15_000}
    assert house.request("GET", path, headers={header: values[header]}).status_code != 431


@pytest.mark.attack("A163")
@pytest.mark.parametrize("header", ["X-Any", "Accept", "User-Agent", "X-Forwarded-For", "Content-Type", "Origin"])
@pytest.mark.parametrize("path", ["/authorize", "/token", "/jwks", "/sign-in", "/static/x", "/nowhere"])
def test_no_header_is_a_giant(house: House, path: str, header: str) -> None:
    """Whatever its name, nobody means a header of 32 kB for us, nor 64 kB of headers together (RFC 6585 §5)."""
    for method in ("GET", "POST"):
        assert house.request(method, path, headers={header: "a" * 33_000}).status_code == 431
        assert house.request(method, path, headers={header: "a" * 32_000}).status_code != 431
        many = {f"X-{number}": "a" * 1000 for number in range(64)}
        assert house.request(method, path, headers={**many, header: "a" * 2000}).status_code == 431
        assert house.request(method, path, headers={**many, "X-0": "", header: "a"}).status_code != 431


@pytest.mark.attack("A163")
def test_a_long_address_is_no_long_header(house: House) -> None:
    """A request object by value may fill the query; it is judged as a parameter (RFC 9101 §5)."""
    asked = house.request("GET", "/authorize", query_string={"client_id": "x", "request": "a" * 60_000})
    assert asked.status_code == 400


@pytest.mark.attack("A164")
@pytest.mark.parametrize(
    "lengths",
    [
        {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "chunked"},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "1, 2"},
        {"CONTENT_LENGTH": "+3"},
        {"CONTENT_LENGTH": "0x3"},
        {"CONTENT_LENGTH": "3 "},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_message_of_two_lengths_is_read_by_nobody(house: House, path: str, lengths: dict[str, str]) -> None:
    """Ambiguous framing is refused before a body is read, whatever the front let through (CVE-2022-24761; RFC 9112 §6.3)."""
    before = rows(house)
    answer = house.request("POST", path, data=b"a=b", content_type=FORM, environ_overrides=lengths)
    assert answer.status_code in (400, 413), answer.status
    assert rows(house) == before


@pytest.mark.attack("A165")
@pytest.mark.parametrize(
    "path",
    ["/metrics", "/health/live", "/health/ready", "/debug", "/admin", "/docs", "/outbox", "/.git/config", "/config"],
)
def test_back_rooms_have_no_door_to_the_street(house: House, path: str) -> None:
    """What operators look at isn't on the public address, for strangers nor for who is signed in (ASVS 13.4.5)."""
    assert house.request("GET", path).status_code == 404
    assert house.signed_in(house.citizen()).get(path, base_url=house.config.issuer).status_code == 404


@pytest.mark.attack("A165")
@pytest.mark.parametrize("path", ["/console", "/console/events", "/console/cases", "/console/rules", "/approvals"])
def test_a_citizen_opens_no_room_of_the_staff(house: House, path: str) -> None:
    """No role, no page: also with a second factor; nobody learns more than that (ASVS 8.2.1)."""
    citizen = house.signed_in(house.citizen(), amr="pwd otp", acr="urn:yimen:acr:2")
    answer = citizen.get(path, base_url=house.config.issuer)
    assert answer.status_code in (403, 404), answer.status
    stranger = house.request("GET", path)
    assert (
        stranger.status_code in (303, 403, 404)
        and "console" not in stranger.headers.get("Location", "").partition("?")[0]
    )
