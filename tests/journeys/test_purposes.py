"""What something was told for: items as they were published, each attribute with its basis in law."""

import msgspec
import pytest

from idp.flows.purposes import purposes
from idp.ports import Committed, Insert
from idp.records import AttributeRow, ServiceItemRow
from idp.release.model import AttributeKind, Need, ServiceItem
from idp.release.receipts import SIGN_IN
from idp.release.told import Told, ToldItem
from tests.kit.house import House

LAW = {"zh": "《个人所得税法》第十一条", "en": "Individual Income Tax Law art. 11"}
PURPOSES = {"zh": "办理汇算清缴", "en": "Annual settlement"}


def told(*items: ToldItem, kind: str = "attributes.released", claims: tuple[str, ...] = ()) -> Told:
    return Told(event_id="00", at=1, kind=kind, client_id="c", claims=claims, items=items)


@pytest.fixture
def published(house: House) -> House:
    needs = (
        Need(attribute="name", essential=True, basis="statutory", citation=LAW),
        Need(attribute="tax_number", essential=True, basis="statutory", citation=LAW),
        Need(attribute="phone_number"),
    )
    item = ServiceItem(
        code="settle",
        version=2,
        department_id="tax",
        titles=PURPOSES,
        purposes=PURPOSES,
        needs=needs,
        retention_days=30,
    )
    house.department()
    row = ServiceItemRow("settle", 2, "tax", "approved", msgspec.json.encode(item), 1, 1, "cli")
    kind = AttributeKind(code="tax_number", claim="tin", names={"zh": "税号", "en": "Tax number"})
    kept = AttributeRow("tax_number", msgspec.json.encode(kind), 1, 1)
    assert isinstance(house.parts.store.commit([Insert(row), Insert(kept)]), Committed)
    return house


def test_each_attribute_has_the_basis_of_its_item(published: House) -> None:
    """DESIGN §7: consent or statutory, by attribute; what belongs to no item is of the sign-in"""
    item = ToldItem(code="settle", version=2, attributes=("name", "tin", "phone_number"))
    law, consent, login = purposes(published.parts, told(item, claims=("name", "tin", "phone_number", "nickname")))
    assert (law.basis, law.claims, law.optional, law.citation) == ("statutory", ("name", "tin"), (), LAW)
    assert (consent.basis, consent.claims, consent.optional) == ("consent", ("phone_number",), ("phone_number",))
    assert (law.item, law.item_version, law.retention_days, law.texts) == ("settle", 2, 30, PURPOSES)
    assert (login.texts, login.claims) == (SIGN_IN, ("nickname",))


def test_an_item_that_is_not_known_any_more_keeps_its_code(house: House) -> None:
    item = ToldItem(code="gone", version=1, attributes=("name",))
    (informed,) = purposes(house.parts, told(item, kind="consent.informed"))
    assert (informed.basis, informed.item, informed.claims) == ("statutory", "gone", ("name",))
    (given,) = purposes(house.parts, told(item, kind="consent.given"))
    assert given.basis == "consent"


def test_without_items_it_is_the_sign_in(house: House) -> None:
    (login,) = purposes(house.parts, told(claims=("name",)))
    assert (login.texts, login.claims, login.basis) == (SIGN_IN, ("name",), "consent")
    assert purposes(house.parts, told(kind="consent.withdrawn"))[0].claims == ()
