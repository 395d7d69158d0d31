"""IDP_SEALING: new values under SM4-GCM and SM3, those from before still read, and back again."""

from collections.abc import Callable

import pytest

from idp.config import ConfigError, load
from idp.flows.rewrap import rewrap
from idp.records import Attribute, Identifier
from keys.backends import open_root
from tests.kit.house import CLAIMS, PASSWORD, House
from tests.kit.person import Person


def suites(house: House, account: bytes) -> set[int]:
    return {row.sealed[0] for row in house.parts.store.find(Attribute, {"account_id": account})}


def test_old_and_new_values_live_side_by_side(make_house: Callable[..., House]) -> None:
    aes = make_house()
    first = aes.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    sm = make_house(sealing="sm")
    second = sm.citizen("zhang.min", "zhang@example.cn", password=PASSWORD)
    assert (suites(sm, first), suites(sm, second)) == ({1}, {2})
    app = sm.register()
    for house in (sm, aes):  # a node that was not switched yet reads both
        for account in (first, second):
            assert house.userinfo(house.tokens(app, account)["access_token"]).get_json()["name"] == CLAIMS["name"]
    for house in (sm, aes):
        for name in ("li.wei", "zhang.min", "ZHANG@example.cn"):
            assert Person(house).sign_in(name).request.path == "/account", name


def test_an_identifier_is_taken_under_either_index(make_house: Callable[..., House]) -> None:
    make_house().citizen("li.wei")
    sm = make_house(sealing="sm")
    person = Person(sm)
    person.get("/sign-up")
    before = sm.parts.store.count(Identifier)
    assert person.submit(identifier="li.wei@example.cn").status_code == 200
    assert sm.parts.store.count(Identifier) == before


def test_rewrapping_moves_the_keys_to_the_suite_that_is_set(make_house: Callable[..., House]) -> None:
    account = make_house().citizen()
    sm = make_house(sealing="sm")
    rewrap(sm.parts, open_root(sm.config.keys_url), lambda _, __: None, destroy_old=True)
    assert {entry.wrapped[0] for entry in sm.parts.keyring.all()} == {2}
    assert sm.userinfo(sm.tokens(sm.register(), account)["access_token"]).status_code == 200


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="IDP_SEALING"):
        load({"IDP_ISSUER": "https://id.example", "IDP_SEALING": "rot13"})
