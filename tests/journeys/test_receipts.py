"""A citizen's receipts: made on demand, checked by anyone with the published keys, nothing shared across sectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from idp.audit.merkle import ProofError
from idp.audit.note import NoteError
from idp.cli import main
from idp.flows.keys import rotate
from idp.flows.receipts import proved
from idp.flows.sequencer import log_signer
from idp.records import Event
from keys.file_backend import open_root
from keys.wire import b64url
from tests.journeys.test_history import citizen, lines, sequenced, told
from tests.journeys.test_service_items import allow, ask
from tests.kit.catalogue import BY_LAW, item
from tests.kit.house import House, claims_of, header_of
from tests.kit.person import Person
from tests.privacy.test_sectors import flat


def receipt(person: Person, number: int = 0) -> dict[str, Any]:
    handle = lines(person.get("/account/history"))[number]
    answer = person.get(f"/account/history/{handle}/receipt.json")
    assert (
        answer.headers["Content-Disposition"].startswith("attachment") and answer.headers["Cache-Control"] == "no-store"
    )
    found: dict[str, Any] = json.loads(answer.data)
    return found


def saved(folder: Path, name: str, value: Any) -> str:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return str(path)


def verified(*arguments: str) -> tuple[int, str]:
    """Offline: no setting is given, so nothing of the house can be opened."""
    done = CliRunner(env={"IDP_ISSUER": "", "IDP_DATABASE_URL": ""}).invoke(main, ["receipts", "verify", *arguments])
    return done.exit_code, done.output


def test_a_receipt_is_verified_offline_with_the_published_keys(any_house: House, tmp_path: Path) -> None:
    """Issue 3.7: downloadable as JSON and as a readable page; verifiable offline with the published keys"""
    house = any_house
    account, person = citizen(house)
    app = house.register(client_name="Income tax online")
    told(house, app, account)
    file = receipt(person)
    record = file["claims"]["record"]
    assert record["party_identification"][0]["party_name"] == {"zh": "tax局", "en": "tax bureau"}
    assert "name" in {i["pii_type"] for i in record["pii_processing"]["purposes"][0]["pii_information"]}
    assert record["pii_principal_id"] == claims_of(house.tokens(app, account)["id_token"])["sub"]
    (event,) = house.parts.store.find(Event, {"kind": "attributes.released"})
    assert file["claims"]["log"]["entry"] == b64url(event.entry)
    assert header_of(file["jws"])["typ"] == "yimen-receipt+jwt"
    jwks = saved(tmp_path, "jwks.json", house.request("GET", "/jwks").text)
    code, said = verified(saved(tmp_path, "r.json", file), "--jwks", jwks)
    assert code == 0 and "tax bureau" in said and house.config.issuer in said, said
    assert verified(saved(tmp_path, "r.jwt", file["jws"]), "--jwks", jwks)[0] == 0
    file["claims"]["record"]["event"]["event_time"] = "2020-01-01T00:00:00Z"
    code, said = verified(saved(tmp_path, "a.json", file), "--jwks", jwks)
    assert code == 1 and "altered" in said
    other = saved(tmp_path, "other.json", {"keys": []})
    assert verified(saved(tmp_path, "r.jwt", file["jws"]), "--jwks", other)[0] == 1
    assert (
        "another issuer" in verified(saved(tmp_path, "r.jwt", file["jws"]), "--jwks", jwks, "--issuer", "https://x")[1]
    )


def test_a_receipt_proves_its_place_in_the_log(any_house: House, tmp_path: Path) -> None:
    """Issue 4.2: citizens' receipts carry an inclusion proof; it holds under the log's keys, and nothing in it leads to another event"""
    house = any_house
    account, person = citizen(house)
    told(house, house.register(), account)
    file = receipt(person)
    signer = log_signer(house.parts)
    assert proved(file["claims"], signer.verifiers) and proved(file["claims"], ())
    pseudonym = house.parts.vault.citizen(account).pseudonym
    assert pseudonym.hex() not in file["claims"]["log"]["proof"] and "extra" not in file["claims"]["log"]["proof"]
    jwks = saved(tmp_path, "jwks.json", house.request("GET", "/jwks").text)
    keys = saved(tmp_path, "log.keys", "\n".join(key.text() for key in signer.verifiers))
    path = saved(tmp_path, "r.json", file)
    for more in ([], ["--log-keys", keys]):
        code, said = verified(path, "--jwks", jwks, "--json", *more)
        assert code == 0 and json.loads(said)["in_the_log"] is True
    foreign = "example.com/log+6d3d9e8f+AQ=="
    code, said = verified(path, "--jwks", jwks, "--log-keys", saved(tmp_path, "no.keys", foreign))
    assert code == 1 and "log's proof" in said
    for changed in (
        {"entry": b64url(b"x" * 32)},
        {"proof": file["claims"]["log"]["proof"].replace("index ", "index 1")},
    ):
        with pytest.raises((ProofError, NoteError)):
            proved({"log": {**file["claims"]["log"], **changed}}, signer.verifiers)
    assert 'id="proved"' in person.get(f"/account/history/{lines(person.get('/account/history'))[0]}/receipt").text


def test_the_readable_page(house: House) -> None:
    account, person = citizen(house)
    told(house, house.register(client_name="Income tax online"), account)
    handle = lines(person.get("/account/history"))[0]
    for lang, words in (("en", "Number of this receipt"), ("zh-Hans", "凭据编号")):
        page = person.get(f"/account/history/{handle}/receipt?lang={lang}")
        assert page.status_code == 200 and words in page.text and "Income tax online" in page.text
    assert 'id="receipt-save"' in page.text


def test_a_receipt_outlives_its_key(house: House, tmp_path: Path) -> None:
    """After a rotation a new copy is signed by the new key; the old copy verifies with the keys that ``idp receipts keys`` hands out"""
    account, person = citizen(house)
    told(house, house.register(), account)
    old = receipt(person)
    root = open_root(house.config.keys_url)
    for _ in range(4):
        house.clock.advance(40 * 86400)
        rotate(house.parts.store, root, house.config, house.parts.entropy, house.clock())
    house.parts.generations.reread()
    person.sign_in()
    new = receipt(person)
    assert header_of(new["jws"])["kid"] != header_of(old["jws"])["kid"]
    assert new["claims"]["record"] == old["claims"]["record"]
    env = {
        "IDP_ISSUER": house.config.issuer,
        "IDP_DATABASE_URL": house.config.database_url,
        "IDP_KEYRING_URL": house.config.keyring_url,
        "IDP_VOLATILE_URL": house.config.volatile_url,
        "IDP_KEYS_URL": house.config.keys_url,
    }
    for name, file in (("old", old), ("new", new)):
        done = CliRunner(env=env).invoke(main, ["receipts", "verify", saved(tmp_path, name, file), "--json"])
        assert done.exit_code == 0 and json.loads(done.stdout)["valid"], done.output
    keys = CliRunner(env=env).invoke(main, ["receipts", "keys"])
    kids = {key["kid"] for key in json.loads(keys.stdout)["keys"]}
    assert {header_of(f["jws"])["kid"] for f in (old, new)} <= kids and '"d"' not in keys.stdout


@pytest.mark.attack("A083")
def test_receipts_for_two_sectors_share_nothing(house: House) -> None:
    """A citizen who hands one receipt to each of two departments gives them nothing to join (OIDC Core §8.1; DESIGN §2.4)."""
    account, person = citizen(house)
    for name in ("tax", "social"):
        house.clock.advance(7)
        told(house, house.register(name, redirect_uris=[f"https://{name}.example/cb"]), account)
    house.clock.advance(3)
    one = receipt(person, 0)["claims"]
    house.clock.advance(5)
    other = receipt(person, 1)["claims"]
    for_all = {str(v) for _, v in flat(of_a_stranger(house))}
    left = {str(v) for _, v in flat(one)} & {str(v) for _, v in flat(other)} - for_all
    assert left == set(), left
    pseudonym = house.parts.vault.citizen(account).pseudonym.hex()
    assert pseudonym not in str(one) and account.hex() not in str(one)


def of_a_stranger(house: House) -> dict[str, Any]:
    """What the receipt of anybody else says at a third service: the words of the form."""
    stranger, other = citizen(house, "zhang.min")
    told(house, house.register("third", redirect_uris=["https://third.example/cb"]), stranger)
    found: dict[str, Any] = receipt(other)["claims"]
    return found


@pytest.mark.attack("A095")
def test_the_receipt_of_another_citizen(house: House) -> None:
    """A receipt is its owner's alone: anyone else gets 404, nobody signed in gets the sign-in page (CWE-639)."""
    account, li_wei = citizen(house)
    _, zhang_min = citizen(house, "zhang.min")
    told(house, house.register(), account)
    handle = lines(li_wei.get("/account/history"))[0]
    for path in (f"/account/history/{handle}/receipt", f"/account/history/{handle}/receipt.json"):
        assert zhang_min.get(path).status_code == 404
        assert Person(house).get(path).request.path == "/sign-in"
        assert li_wei.get(path).status_code == 200


@pytest.mark.attack("A053")
def test_a_receipt_opens_no_door(house: House) -> None:
    """A receipt is no access token and no hint of a session (RFC 8725 §3.11)."""
    account, person = citizen(house)
    told(house, house.register(), account)
    jws = receipt(person)["jws"]
    assert house.userinfo(jws).status_code == 401
    out = person.get(f"/logout?id_token_hint={jws}")
    assert 'id="logout-done"' not in out.text
    sequenced(house)
    assert person.get("/account").request.path == "/account"


def test_a_purpose_with_two_bases_is_told_once(house: House) -> None:
    """By law and by consent for one service item: one purpose, one time of keeping on the page."""
    account, person = citizen(house)
    app = house.register()
    item(house)
    browser = house.signed_in(account)
    allow(house, browser, ask(house, browser, app))
    sequenced(house)
    handle = lines(person.get("/account/history"))[0]
    page = person.get(f"/account/history/{handle}/receipt").text
    assert page.count("审核贷款申请") == 1 and page.count("730") == 1


@pytest.mark.parametrize("lang", ["en", "zh-Hans"])
def test_what_the_law_orders_is_told_as_such_beside_what_was_allowed(house: House, lang: str) -> None:
    """On every page of the citizen; nothing that was told by law stands under an authorization alone (DESIGN §7)."""
    law, mixed, since = {
        "en": ("Told by law", "Some of it the law orders, the rest you authorized", "Told by law since"),
        "zh-Hans": ("依法提供", "部分依照法律规定，其余经您授权", "依法提供始于"),
    }[lang]
    account, person = citizen(house)
    browser, app = house.signed_in(account), house.register()
    item(house)
    item(house, BY_LAW)
    allow(house, browser, ask(house, browser, app))
    house.clock.advance(1)
    alone = house.register("tax", client_name="Levy")
    allow(house, browser, ask(house, browser, alone, scope="openid service:duty"))
    sequenced(house)
    listed = person.get(f"/account/history?lang={lang}").text
    assert listed.count(law) >= 2
    for handle in lines(person.page):
        detail = person.get(f"/account/history/{handle}?lang={lang}").text
        assert law in detail
        if "Levy" not in detail:
            assert mixed in detail and mixed in person.get(f"/account/history/{handle}/receipt?lang={lang}").text
    services = person.get(f"/account/services?lang={lang}").text
    assert services.count(since) == 1 and services.count(law) >= 3


@pytest.mark.parametrize(
    ("lasts", "words", "said"),
    [
        ("year", "For one year", "until 2027-"),
        ("once", "Only this time", "for this"),
        ("lasting", "", "until withdrawn"),
    ],
)
def test_how_long_an_authorization_counts_is_said_everywhere(
    any_house: House, lasts: str, words: str, said: str
) -> None:
    """Issue 3.3, 3.7: a dated or one-time word is no lasting one on its line, receipt, list of services, file or copy"""
    house = any_house
    _, person = citizen(house)
    house.redeem(
        app := house.register(), allow(house, person.browser, house.authorize(person.browser, app), lasts=lasts)
    )
    sequenced(house)
    line = next(
        n
        for n in lines(person.get("/account/history"))
        if "You gave" in person.get(f"/account/history/{n}?lang=en").text
    )
    claims = person.get(f"/account/history/{line}/receipt.json").get_json()["claims"]
    assert claims["record"]["event"]["validity_duration"].startswith(said)
    for path in (f"/account/history/{line}?lang=en", f"/account/history/{line}/receipt?lang=en"):
        assert (words or "Until I withdraw it") in person.get(path).text
    services = person.get("/account/services?lang=en").text
    assert ("Authorized until" in services, "Only this time" in services) == (lasts == "year", lasts == "once")
    person.get("/account/copy")
    (service,) = json.loads(person.submit({"form": "json"}).data)["services"]
    assert (service["ends_at"] or "")[:4] == {"year": "2027", "once": "2026", "lasting": ""}[lasts]
