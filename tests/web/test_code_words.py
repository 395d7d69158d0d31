"""Every code of a closed vocabulary that staff read has words, and the words are in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import idp
from idp.audit.alerts import parse
from idp.audit.events import vocabulary
from idp.audit.kinds import GROUPS as KIND_GROUPS
from idp.audit.kinds import OUTCOMES as KIND_OUTCOMES
from idp.cli import accounts, clients
from idp.errors import Code
from idp.flows import console_accounts, erasure, log_alerts, objections, reveals
from idp.flows.provision import ROLES as HELD
from idp.web.case_words import CASE_OUTCOMES, RULE_TITLES
from idp.web.code_words import CODES, OPERATORS, ROLES, code_words
from idp.web.console_words import FIELDS, GROUPS, KINDS, OUTCOMES
from idp.web.reason_words import reason_words
from idp.web.wording import REVEAL_REASONS

IDP = Path(idp.__file__).parent
LAW = (
    "protocol/*.py",
    "flows/token.py",
    "flows/refresh.py",
    "flows/par.py",
    "flows/authorize*.py",
    "flows/request_sources.py",
)
SIGNING_IN = ("flows/step_up.py", "flows/recovery.py", "flows/factors.py")
PROOF = ("authenticate.py", "assertion.py")


def said(path: Path) -> Iterator[str]:
    """The stable words that a module gives as ``reason=`` or to the functions that make refusals."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [word.value for word in node.keywords if word.arg == "reason"]
        if name in ("failed", "Dead", "Misused", "invalid_grant") and node.args:
            given.append(node.args[0])
        if name in ("note_failure", "_malformed"):
            given.append(node.args[-1])
        yield from (
            one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value
        )


def test_every_kind_field_group_and_outcome_of_an_event_has_words() -> None:
    assert set(KINDS) == set(vocabulary())
    assert {name for fact in vocabulary().values() for name in fact.__struct_fields__} - set(FIELDS) == set()
    assert set(GROUPS) == set(KIND_GROUPS) and set(OUTCOMES) == set(KIND_OUTCOMES)


def test_every_reason_of_a_refusal_has_words() -> None:
    modules = [path for pattern in (*LAW, *SIGNING_IN) for path in IDP.glob(pattern)]
    modules += [IDP.parent / "clients" / name for name in PROOF]
    words = {word for path in modules for word in said(path)} - {"staff", "client", "throttled_page"}
    assert len(words) > 60
    assert sorted(word for word in words if reason_words(word) is None) == []
    assert reason_words("assertion_signature") and reason_words("redirect_uri_missing") and not reason_words("nonsense")


def test_every_word_that_staff_choose_or_hold_has_words() -> None:
    assert {code.value for code in Code} <= set(CODES)
    assert set(HELD) <= set(ROLES)
    assert set(log_alerts.OUTCOMES) | set(objections.OUTCOMES) <= set(CASE_OUTCOMES)
    assert set(reveals.REASONS) <= set(REVEAL_REASONS)
    assert {
        *console_accounts.REASONS,
        *erasure.REASONS,
        *accounts.REASONS,
        *accounts.CONTACT_REASONS,
        *clients.REASONS,
    } <= set(OPERATORS)


def test_every_rule_that_ships_has_a_name() -> None:
    rules = parse((IDP / "audit" / "alerts.toml").read_text(encoding="utf-8"), tuple(vocabulary()))
    assert set(rules) <= set(RULE_TITLES)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("session.ended", "why", "logout"),
        ("session.throttled", "rule", "address"),
        ("account.factor_removed", "reason", "stolen"),
        ("account.factor_enrolled", "factor", "recovery_codes"),
        ("search.person", "reason", "alert"),
        ("session.started", "acr", "urn:yimen:acr:2"),
        ("alert.raised", "rule", "log-behind"),
        ("alert.raised", "severity", "high"),
        ("token.refused", "endpoint", "introspect"),
        ("code.redeemed", "refresh", "True"),
    ],
)
def test_a_value_is_looked_for_by_its_event_and_field(kind: str, field: str, value: str) -> None:
    assert code_words(kind, field, value) is not None
    assert code_words(kind, field, "none of these") is None


def test_an_address_is_removed_and_a_correction_taken_back() -> None:
    """One word of the vocabulary, two acts"""
    assert str(code_words("account.contact_changed", "how", "removed")) == "Removed"
    assert str(code_words("account.contact_changed", "how", "added")) == "Added"
    assert str(code_words("account.attribute_corrected", "how", "removed")) == "Taken back"
