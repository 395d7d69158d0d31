"""Whether a number is the citizen's: one spelling for each number, a verdict and nothing else."""

from datetime import date
from typing import Any

import pytest

from idp.release.attributes import built_in, check
from idp.release.compare import CLAIMS, canonical, matches
from idp.release.items import BadItem
from idp.release.minimise import computed
from idp.release.model import AttributeKind

ID = "11010519491231002X"


@pytest.mark.parametrize(
    ("claim", "value", "candidate", "verdict"),
    [
        ("national_id_matches", ID, ID, True),
        ("national_id_matches", ID, "110105 19491231 002x", True),
        ("national_id_matches", ID, "１１０１０５１９４９１２３１００２Ｘ", True),
        ("national_id_matches", ID, "110105194912310021", False),
        ("national_id_matches", ID, ID[:-1], False),
        ("national_id_matches", ID, "nothing like it", False),
        ("national_id_matches", ID, "", None),
        ("national_id_matches", None, ID, None),
        ("national_id_matches", 110105, ID, None),
        ("phone_number_matches", "+8613800138000", "+86 138-0013-8000", True),
        ("phone_number_matches", "+8613800138000", "0086 (138) 00138000", True),
        ("phone_number_matches", "+8613800138000", "13800138000", False),
        ("employer_code_matches", "91350100M000100Y43", "91350100m000100y43", True),
    ],
)
def test_the_verdict(claim: str, value: Any, candidate: str, verdict: bool | None) -> None:
    assert matches(claim, value, candidate) is verdict
    kind = built_in(claim)
    assert kind is not None
    assert computed(kind, {kind.of[0]: value}, date(2026, 1, 1), {claim: candidate}) is verdict
    assert computed(kind, {kind.of[0]: value}, date(2026, 1, 1)) is None


def test_two_numbers_have_two_spellings() -> None:
    assert canonical("national_id_matches", "0086") == "0086" != canonical("phone_number_matches", "0086") == "+86"


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_it_is_an_ordinary_attribute_of_its_own(claim: str) -> None:
    kind = built_in(claim)
    assert kind is not None and (kind.type, kind.sensitive) == ("boolean", False)
    assert "only" in kind.explanations["en"] and set(kind.names) == {"zh", "en"}
    with pytest.raises(BadItem):
        check(AttributeKind(code=claim, claim=claim, names={"zh": "x", "en": "x"}), None)
