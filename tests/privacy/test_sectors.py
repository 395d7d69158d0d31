"""Two departments put everything together that they were ever told of one citizen in one session: nothing matches (SP 800-63C §5.4.1)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from idp.flows import parting
from idp.flows.comparing import PER_DAY
from idp.flows.outbox import open_notice
from idp.flows.sequencer import catch_up, log_signer
from idp.flows.sessions import end
from idp.ports import Insert
from idp.protocol.logout import logout_claims
from idp.records import Account, Department, LogoutDelivery, Message, Session
from keys.subjects import sid, subject
from tests.journeys.test_comparing import ID, OTHER
from tests.journeys.test_exchanges import KEY, approved, ask, opened
from tests.journeys.test_par import go, push
from tests.kit.catalogue import LOAN, item
from tests.kit.house import CLAIMS, App, House, claims_of, header_of

NOT_ABOUT_THE_PERSON = {
    "iss", "acr", "amr", "scope", "token_type", "expires_in", "active", "alg", "kid", "typ", "events", "error", "error_description",
    "email_verified", "phone_number_verified",
}  # fmt: skip
"""The same for everyone who is told it."""
NOT_ABOUT_THE_PERSON |= {
    "issuer", "origin", "schema_version", "privacy_notice", "language", "zh", "en", "basis", "retention_period", "jurisdiction",
    "collection_method", "withdrawal_method", "privacy_rights", "pii_type", "pii_optional", "party_id", "party_role", "party_url", "event_type",
    "event_state", "entity_id", "validity_duration",
}  # fmt: skip
"""The words of a receipt's form."""
WORD = re.compile(r"[A-Za-z0-9_-]{16,}")
RELEASED = {"name", "family_name", "given_name", "preferred_username", "birthdate", "email", "phone_number", "address"}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(member, value) of everything inside, JWTs opened."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, str(key))
    elif isinstance(value, str) and value.count(".") == 2 and value.startswith("ey"):
        yield name, value
        yield from flat(header_of(value))
        yield from flat(claims_of(value))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from flat(inner, name)
    else:
        yield name, value


def told(
    house: House, app: App, browser: Any, session_id: bytes, scope: str, *, pushed: bool = False, **more: str
) -> dict[str, Any]:
    """Everything that one client receives, from the authorization response to the logout token. ``pushed``: it sends its requests to ``/par``."""
    house.clock.advance(7)  # they don't ask in the same second
    everything: dict[str, Any] = {"pushed": []}
    for mode in ("query", "fragment"):
        asked = {"scope": scope, "state": f"s-{app.id}", "nonce": f"n-{app.id}", "response_mode": mode, **more}
        if pushed:
            kept = push(house, app, redirect_uri=app.client.redirect_uris[0], **asked).get_json()
            everything["pushed"].append(kept)
            answer = go(house, app, kept["request_uri"], browser)
        else:
            answer = house.authorize(browser, app, **asked)
        if 'id="consent-allow"' in answer.text:
            answer = house.submit(browser, answer, decision="allow")
        url = urlsplit(answer.headers["Location"])
        everything[mode] = dict(parse_qsl(url.query or url.fragment))
    everything["tokens"] = tokens = house.redeem(app, everything["query"]["code"]).get_json()
    everything["headers"] = dict(house.userinfo(tokens["access_token"]).headers)
    answer = house.userinfo(tokens["access_token"])
    everything["userinfo"] = answer.get_json()
    everything["access"] = house.introspect(app, tokens["access_token"])
    everything["refresh"] = house.introspect(app, tokens["refresh_token"])
    everything["refreshed"] = house.refresh(app, tokens["refresh_token"]).get_json()
    everything["denied"] = [
        house.redeem(app, everything["query"]["code"]).get_json(),
        house.userinfo(tokens["access_token"]).get_json(),
        dict(
            parse_qsl(
                urlsplit(
                    house.authorize(browser, app, prompt="none", max_age="1", state=app.id).headers["Location"]
                ).query
            )
        ),
    ]
    session = house.parts.store.one(Session, id=session_id)
    assert session is not None
    rows = [
        w.record
        for w in end(house.parts, session, "logout", house.clock())
        if isinstance(w, Insert) and isinstance(w.record, LogoutDelivery)
    ]
    (row,) = [row for row in rows if row.client_id == app.id]
    everything["receipts"] = receipts(house, app, browser)
    account = house.parts.store.one(Account, id=row.account_id)
    assert account is not None
    letters = parting.notice(house.parts, account, app.client, "client_withdrawn", house.clock())
    notices = [
        open_notice(house.parts, w.record) for w in letters if isinstance(w, Insert) and isinstance(w.record, Message)
    ]
    everything["notices"] = [word for n in notices if n is not None for word in (n.to, *WORD.findall(n.body))]
    assert any(len(word) == 43 for word in everything["notices"])  # the subject, as this department alone knows it
    everything["logout"] = logout_claims(
        issuer=house.config.issuer, client_id=app.id, sub=subject(house.parts.ring, 1, row.account_id, app.client.sector_id),
        sid=sid(house.parts.ring, row.session_id, app.id), jti=row.id.hex(), now_s=house.clock.seconds,
    )  # fmt: skip
    return everything


def receipts(house: House, app: App, browser: Any) -> list[dict[str, Any]]:
    """What the citizen hands over of their own will: every receipt about this client."""
    catch_up(house.parts, log_signer(house.parts), house.clock())
    page = browser.get("/account/history", base_url=house.config.issuer).text
    paths = re.findall(r'href="(/account/history/[A-Za-z0-9_-]+)"', page)
    files = [browser.get(f"{path}/receipt.json", base_url=house.config.issuer).get_json() for path in paths]
    mine = [
        f for f in files if f["claims"]["record"]["pii_processing"]["purposes"][0]["service"]["client_id"] == app.id
    ]
    assert mine
    return mine


def shared(one: Any, two: Any) -> dict[str, set[str]]:
    """Members whose value appears anywhere at both, by value."""
    theirs = {msgspec.json.encode(value): name for name, value in flat(two)}
    found: dict[str, set[str]] = {}
    for name, value in flat(one):
        other = theirs.get(msgspec.json.encode(value))
        if other is not None and name not in NOT_ABOUT_THE_PERSON and other not in NOT_ABOUT_THE_PERSON:
            found.setdefault(name, set()).add(str(value))
    return found


def two(house: House, **metadata: Any) -> tuple[App, App]:
    return tuple(  # type: ignore[return-value]
        house.register(
            name,
            redirect_uris=[f"https://{name}.example/cb"],
            backchannel_logout_uri=f"https://{name}.example/bc",
            backchannel_logout_session_required=True,
            contacts=[f"privacy@{name}.example"],
            **metadata,
        )
        for name in ("tax", "social")
    )


HEADERS = {
    "Content-Length",
    "Content-Type", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "Vary",
}  # fmt: skip


@pytest.mark.attack("A083")
@pytest.mark.parametrize(
    "metadata",
    [{}, {"id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": None}],
    ids=["ES256", "RS256"],
)
def test_two_departments_find_nothing_in_common(house: House, metadata: dict[str, Any]) -> None:
    """Codes, tokens, claims, introspection, errors, logout tokens and all times of one citizen, one session (OIDC Core §8.1, SP 800-63C §5.4.1)."""
    account = house.citizen(claims=CLAIMS)
    row, _ = house.session(account)
    browser = house.signed_in(account)
    live = max(house.parts.store.find(Session), key=lambda s: s.id != row.id)
    one, other = (told(house, app, browser, live.id, "openid") for app in two(house, **metadata))
    found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
    assert found == {}, found
    assert account.hex() not in str([one, other]) and live.id.hex() not in str([one, other])


@pytest.mark.attack("A083", "A082")
def test_what_they_share_is_what_the_citizen_released(house: House) -> None:
    """With every scope granted to both, the granted claim values are all that is equal (OIDC Core §5.4)."""
    account = house.citizen(claims=CLAIMS)
    browser = house.signed_in(account)
    (live,) = house.parts.store.find(Session)
    scope = "openid profile email phone address"
    one, other = (told(house, app, browser, live.id, scope) for app in two(house))
    assert set(one["userinfo"]) == {*CLAIMS, "sub"}
    found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
    values = {str(value) for _, value in flat(CLAIMS)}
    assert set().union(*found.values()) <= values, found


@pytest.mark.attack("A083", "A082")
def test_verified_claims_have_the_day_in_common_and_no_finer_time(house: House) -> None:
    """What is told with its source and date is equal to the day alone (OIDC Identity Assurance §9; DESIGN §2.4)."""
    browser = house.signed_in(house.citizen(claims=CLAIMS, source="police"))
    (live,) = house.parts.store.find(Session)
    deep = {"type": {"value": "electronic_record"}, "time": None, "record": {"source": None, "derived_claims": None}}
    asked = {"verification": {"trust_framework": None, "time": None}, "claims": {"name": None}}
    proof = {"verification": {**asked["verification"], "evidence": [deep]}, "claims": {"name": None}}
    claims = json.dumps({"userinfo": {"verified_claims": [asked, proof]}})
    one, other = (told(house, app, browser, live.id, "openid", claims=claims) for app in two(house))
    assert one["userinfo"]["verified_claims"][0]["verification"]["time"].endswith("T00:00Z")
    found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
    assert found.pop("trust_framework") == {f"{house.config.issuer}/trust-framework"}
    assert found.pop("type") == {"electronic_record", "population_register"}
    assert found == {"name": {CLAIMS["name"], "公安机关"}, "time": {"2026-01-01T00:00Z"}, "verified": {"name"}}


@pytest.mark.attack("A083")
def test_service_items_give_nothing_away_either(house: House) -> None:
    """Authorization details (RFC 9396 §7) and receipts of two departments' items hold what each published, and nothing of the citizen in common."""
    account = house.citizen(claims=CLAIMS)
    browser = house.signed_in(account)
    (live,) = house.parts.store.find(Session)
    apps = two(house)
    items = [
        {**LOAN, "code": f"loan-{n}", "department": n, "retention_days": d} for n, d in (("tax", 10), ("social", 20))
    ]
    for entry in items:
        item(house, entry)
    one, other = (
        told(house, app, browser, live.id, f"openid service:{entry['code']}")
        for app, entry in zip(apps, items, strict=True)
    )
    assert one["tokens"]["authorization_details"][0]["item"] == "loan-tax"
    found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
    published = {str(value) for _, value in flat(LOAN)} | {"service_item", "1"}
    assert set().union(*found.values()) <= published | {str(value) for _, value in flat(CLAIMS)}, found


def matching(house: House, name: str, **changes: Any) -> str:
    """The scope of an item of this department that compares a number."""
    needs = [{"attribute": "national_id_matches", "essential": True}]
    item(house, {**LOAN, "code": f"loan-{name}", "department": name, "needs": needs, **changes})
    return f"openid service:loan-{name}"


def bringing(number: str) -> str:
    """The ``claims`` parameter with a number to compare, at both places."""
    return json.dumps({place: {"national_id_matches": {"compare": number}} for place in ("userinfo", "id_token")})


@pytest.mark.attack("A083")
@pytest.mark.parametrize(("number", "verdict"), [(ID, True), (OTHER, False)])
def test_of_comparisons_the_verdict_is_all_that_is_equal(house: House, number: str, verdict: bool) -> None:
    """Both bring one number: what each is answered, by ``/par`` too, holds its own verdict and never the number (DESIGN §2.4, §7)."""
    browser = house.signed_in(house.citizen(claims={**CLAIMS, "national_id": ID}, source="police"))
    (live,) = house.parts.store.find(Session)
    apps = two(house)
    scopes = [matching(house, name, retention_days=days) for name, days in (("tax", 10), ("social", 20))]
    one, other = (
        told(house, app, browser, live.id, scope, pushed=True, claims=bringing(number))
        for app, scope in zip(apps, scopes, strict=True)
    )
    for each in (one, other):
        answers = (each["userinfo"], claims_of(each["tokens"]["id_token"]))
        assert [answer["national_id_matches"] for answer in answers] == [verdict, verdict]
        assert ID not in str(list(flat(each))) and OTHER not in str(list(flat(each)))
    found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
    published = {str(value) for _, value in flat(LOAN)} | {"service_item", "1", "national_id_matches"}
    assert set().union(*found.values()) <= published | {str(verdict)}, found


@pytest.mark.attack("A083")
def test_what_one_department_compared_changes_nothing_for_another(house: House) -> None:
    """Numbers are counted for each department: no one can tell from its own answers that another asked of this citizen (SP 800-63C §5.4.1)."""
    browser = house.signed_in(house.citizen(claims={**CLAIMS, "national_id": ID}, source="police"))
    (live,) = house.parts.store.find(Session)
    (tax, social), scopes = two(house), [matching(house, name) for name in ("tax", "social")]
    for n in range(PER_DAY + 1):
        last = told(house, tax, browser, live.id, scopes[0], pushed=True, claims=bringing(f"1101051949123{n:04}X"))
    assert "national_id_matches" not in last["userinfo"]
    other = told(house, social, browser, live.id, scopes[1], pushed=True, claims=bringing(ID))
    assert other["userinfo"]["national_id_matches"] is True


@pytest.mark.attack("A083")
def test_an_identifier_for_another_department_gives_nothing_of_the_citizen_away(house: House) -> None:
    """Who asks for it reads nothing; two who are handed one each find only who asked, and nothing of what it holds itself (RFC 8693 §2.2.1)."""
    account = house.citizen()
    browser = house.signed_in(account)
    (live,) = house.parts.store.find(Session)
    keys = {"keys": [KEY.as_dict(private=False)]}
    tax, social = two(house, jwks=keys)
    health = house.register("health", redirect_uris=["https://health.example/cb"], jwks=keys)
    everything = [told(house, app, browser, live.id, "openid") for app in (tax, social)]
    house.clock.advance(7)
    tokens = house.tokens(tax, account, session=live)
    answers, handed = [], []
    for app in (social, health):
        approved(house, tax, app)
        house.clock.advance(7)
        answer = ask(house, tax, tokens["access_token"], app.id)
        answers.append(answer.get_json())
        handed.append(opened(house, answer))
    public = {tax.id, social.id}
    for one, other in (
        ([everything[0], tokens, answers], [everything[1], handed[0]]),
        (handed[0], handed[1]),
        ([everything[0], tokens, answers], handed[1]),
        (answers[0], answers[1]),
    ):
        found = {name: values for name, values in shared(one, other).items() if name not in HEADERS}
        assert set().union(*found.values()) <= public | {answers[0]["issued_token_type"]}, found
    assert handed[0]["sub"] == claims_of(everything[1]["tokens"]["id_token"])["sub"] != handed[1]["sub"]
    assert account.hex() not in str([answers, handed]) and live.id.hex() not in str([answers, handed])


@pytest.mark.attack("A083")
def test_the_end_of_the_session_is_nobodys_to_read(house: House) -> None:
    """A refresh token that dies with its session tells no ``exp``: that moment is one for all clients and gives the sign-in away (RFC 7662 §2.2)."""
    account = house.citizen()
    session, _ = house.session(account)
    for app in two(house):
        online = house.tokens(app, account, session=session)
        assert "exp" not in house.introspect(app, online["refresh_token"])
        offline = house.tokens(app, account, session=session, offline=1)
        assert house.introspect(app, offline["refresh_token"])["exp"] > session.expires_at // 1_000_000


@pytest.mark.attack("A083")
def test_the_time_of_the_sign_in_only_where_it_was_asked(house: House) -> None:
    """``auth_time`` is told to who asked, not to who didn't, and not in disguise (OIDC Core §2; DESIGN §2.4)."""
    account = house.citizen()
    browser, app = house.signed_in(account), two(house)[0]
    (live,) = house.parts.store.find(Session)
    at = live.auth_at // 1_000_000
    everything = told(house, app, browser, live.id, "openid")
    lives = {house.config.session_max, house.config.session_idle, 0}
    times = {value for name, value in flat(everything) if isinstance(value, int) and not isinstance(value, bool)}
    assert not {at + life for life in lives} & times
    code = house.code(browser, app, max_age="100", scope="openid")
    assert claims_of(house.redeem(app, code).get_json()["id_token"])["auth_time"] == at


def test_one_department_knows_its_citizen_again(house: House) -> None:
    """Clients of one sector share the subject, and nothing of the session (OIDC Core §8.1)."""
    account = house.citizen()
    session, _ = house.session(account)
    apps = [house.register("tax", redirect_uris=[f"https://{n}.tax.example/cb"]) for n in ("a", "b")]
    one, other = (claims_of(house.tokens(app, account, session=session)["id_token"]) for app in apps)
    assert one["sub"] == other["sub"] and one["sid"] != other["sid"]
    assert house.parts.store.count(Department) == 1
