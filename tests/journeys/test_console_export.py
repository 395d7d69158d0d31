"""What is taken away from the console in others' formats, and with proofs that an auditor checks without us."""

import csv
import io
import re
from codecs import BOM_UTF8
from datetime import datetime

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.audit.events import SignInFailed, TokenRequestRefused
from idp.audit.merkle import ProofError
from idp.audit.proof import parse, verify
from idp.flows.sequencer import head, log_signer
from idp.records import Event
from tests.journeys.test_console import auditor, happen, settle
from tests.journeys.test_console_client_names import TAX
from tests.kit.house import House
from tests.kit.person import Person


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def sent(watch: Person, form: str, query: str) -> TestResponse:
    """An export of a search."""
    page = watch.get(f"/console/events?{query}")
    number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page.text)) if 'id="export"' in tag)
    return watch.submit({"form": form}, form=number)


def take(watch: Person, form: str, query: str = "outcome=refused&within=all") -> list[dict]:
    """The lines of an export in a form of others."""
    answer = sent(watch, form, query)
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


def test_a_table_tells_times_and_codes_to_people_too(watch: Person) -> None:
    """ISO 8601 beside the microseconds, words beside each code, in the reader's language (issue 4, §4)"""
    house = watch.house
    app = house.register(**TAX)
    happen(
        house, TokenRequestRefused(client_id=app.id, endpoint="token", code="invalid_client", reason="wrong_password")
    )
    settle(house)
    told = sent(watch, "csv", "outcome=refused&within=all").data
    (line,) = csv.DictReader(io.StringIO(told.decode("utf-8-sig")))
    event = house.events("token.refused")[0]
    assert told.startswith(BOM_UTF8) and line["at"] == str(event["at"])
    assert datetime.fromisoformat(line["time"]).timestamp() == pytest.approx(event["at"] / 1_000_000, abs=0.001)
    assert (line["kind"], line["outcome"], line["client_id"]) == ("token.refused", "refused", app.id)
    assert line["client_name"] == "税务局"
    for name in ("kind_words", "outcome_words", "detail_words"):
        assert re.search("[\u4e00-\u9fff]", line[name]), name


def test_an_export_leaves_out_what_the_signed_tree_does_not_hold_yet(watch: Person) -> None:
    """A newer event neither empties nor cuts the file; forms that show no place in the tree hold it, and it comes with the next tree."""
    house, everything = watch.house, "within=all"
    refusals(house)
    happen(house, SignInFailed(reason="wrong_password"))
    newest = house.parts.store.find(Event, order=("-seq",), limit=1)[0]
    size = head(house.parts).size
    assert newest.seq > head(house.parts).last_seq and size >= 4
    for form in ("ocsf", "ecs", "proofs"):
        assert len(take(watch, form, everything)) == size, form
    for form in ("jsonl", "csv"):
        lines = sent(watch, form, everything).text.splitlines()
        assert len(lines) > size and any(newest.id.hex() in line for line in lines), form
    settle(house)
    for form in ("ocsf", "ecs", "proofs"):
        told = take(watch, form, everything)
        assert len(told) == head(house.parts).size > size, form
        assert any(newest.entry.hex() in str(line) for line in told), form


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
