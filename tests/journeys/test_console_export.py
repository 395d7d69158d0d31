"""What is taken away from the console in others' formats, and with proofs that an auditor checks without us."""

import re

import msgspec
import pytest

from idp.audit.events import SignInFailed, TokenRequestRefused
from idp.audit.merkle import ProofError
from idp.audit.proof import parse, verify
from idp.flows.sequencer import log_signer
from tests.journeys.test_console import auditor, happen, settle
from tests.kit.house import House
from tests.kit.person import Person


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def take(watch: Person, form: str) -> list[dict]:
    page = watch.get("/console/events?outcome=refused&within=all")
    number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page.text)) if 'id="export"' in tag)
    answer = watch.submit({"form": form}, form=number)
    assert (
        answer.status_code == 200 and f'filename="yimen-events.{form}.jsonl"' in answer.headers["Content-Disposition"]
    )
    assert watch.house.events("audit.exported")[-1]["form"] == form
    return [msgspec.json.decode(line) for line in answer.data.splitlines()]


def refusals(house: House) -> None:
    failed = [SignInFailed(reason="wrong_password") for _ in range(3)]
    happen(
        house, *failed, TokenRequestRefused(client_id="tax", endpoint="token", code="invalid_client", reason="unknown")
    )
    settle(house)


def test_an_export_speaks_ocsf_and_ecs(watch: Person) -> None:
    refusals(watch.house)
    ocsf, ecs = take(watch, "ocsf"), take(watch, "ecs")
    assert [line["metadata"]["version"] for line in ocsf] == ["1.8.0"] * 4
    assert [line["metadata"]["event_code"] for line in ocsf] == ["token.refused"] + ["session.refused"] * 3
    assert [line["event"]["sequence"] for line in ecs] == [line["metadata"]["sequence"] for line in ocsf]


def test_every_exported_proof_holds_and_one_of_another_event_does_not(watch: Person) -> None:
    """C2SP tlog-proof under one signed checkpoint; the entry is recomputed by the verifier from what came along."""
    house = watch.house
    refusals(house)
    signer = log_signer(house.parts)
    lines = take(watch, "proofs")
    assert len(lines) == 4
    for line in lines:
        checkpoint, signed = verify(parse(line["proof"]), bytes.fromhex(line["entry"]), signer.origin, signer.verifiers)
        assert checkpoint.size > line["index"] and len(signed) == 2
    with pytest.raises(ProofError, match="not in the tree"):
        verify(parse(lines[0]["proof"]), bytes.fromhex(lines[1]["entry"]), signer.origin, signer.verifiers)
