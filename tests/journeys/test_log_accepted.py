"""What was accepted in the log comes out of it, named: exports and proofs judge it as ``idp audit verify`` does (DECISIONS 90)."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from idp.audit.verify import Bad, check_archive
from idp.flows import log_export
from idp.flows.log_leaves import leaf_of, prove
from idp.flows.log_memory import accept
from idp.flows.log_reading import event_by_id
from idp.flows.log_verify import verify
from idp.flows.sequencer import Damaged, log_signer
from idp.records import Event
from tests.attacks.test_log import forged
from tests.journeys.test_console import auditor
from tests.journeys.test_console_export import take
from tests.journeys.test_log_export import exported
from tests.journeys.test_log_memory import keeper
from tests.journeys.test_log_verify import Insider, written
from tests.kit.house import House

SIZE, SPOILT = 300, 17
RAW = {True: "'\\xff'", False: "x'ff'"}
AMISS = {
    "altered": "UPDATE events SET head = {raw} WHERE seq = {0}",
    "its entry altered": "UPDATE events SET entry = {raw} WHERE seq = {0}",
    "a column altered": "UPDATE events SET client_id = 'other' WHERE seq = {0}",
    "gone": "DELETE FROM events WHERE seq = {0}",
    "another in its place": "UPDATE events SET ({all}) = (SELECT {all} FROM events WHERE seq = {1}) WHERE seq = {0}",
}


def spoil(house: House, how: str) -> None:
    insider = Insider(house)
    raw = RAW[house.config.database_url.startswith("postgres")]
    columns = "id, at, kind, client_id, actor, head, salt, fields, entry"
    insider.do(AMISS[how].format(insider.seq(SPOILT), insider.seq(SPOILT + 1), raw=raw, all=columns))


def rows_of(path: Path) -> list[dict[str, object]]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read("events.jsonl").splitlines()]


@pytest.mark.attack("A155")
@pytest.mark.parametrize("ends", [(SPOILT, 100), (3, SPOILT + 1), (SPOILT, SPOILT + 1), (3, 100)], ids=str)
@pytest.mark.parametrize("how", AMISS)
def test_an_export_holds_what_was_accepted_wherever_it_stands(
    any_house: House, tmp_path: Path, how: str, ends: tuple[int, int]
) -> None:
    """First, last, alone or between; told alike by the export's own verifier and by ``idp audit verify`` (ASVS 16.4.2)"""
    house = any_house
    written(house, SIZE)
    spoil(house, how)
    accept(house.parts, log_signer(house.parts), "other")
    keeper(house).sequence()
    assert [row.index for row in verify(house.parts, log_signer(house.parts)).spoilt] == [SPOILT]
    path = exported(house, tmp_path / "log.zip", *ends, sheet=True)
    report = check_archive(path, log_signer(house.parts).verifiers)
    assert report["events"] == ends[1] - ends[0]
    assert str(report["whole"]).startswith("but for 1 of these events") and str(report["whole"]).endswith(
        f": index {SPOILT}"
    )
    row = rows_of(path)[SPOILT - ends[0]]
    assert row["index"] == SPOILT and str(row["accepted"]).startswith("2026-")
    assert row.get("gone", False) is (how in ("gone", "another in its place"))
    with zipfile.ZipFile(path) as archive:
        cells = list(csv.DictReader(io.StringIO(archive.read("events.csv").decode("utf-8-sig"))))
    assert [bool(cell["accepted"]) for cell in cells].index(True) == SPOILT - ends[0]


@pytest.mark.attack("A155")
@pytest.mark.parametrize("how", ["altered", "gone"])
def test_what_nobody_accepted_is_not_let_pass(any_house: House, tmp_path: Path, how: str) -> None:
    """An export that would begin with it is refused, its verifier names it (ASVS 16.4.2)"""
    house = any_house
    written(house, SIZE)
    spoil(house, how)
    with pytest.raises(Damaged):
        exported(house, tmp_path / "log.zip", SPOILT, 100)
    if how == "altered":
        path = exported(house, tmp_path / "log.zip", 3, 100)
        with pytest.raises(Bad, match=f"index {SPOILT}"):
            check_archive(path)


@pytest.mark.attack("A155")
def test_a_forged_row_that_was_let_in_last_is_exported_and_proved(any_house: House, tmp_path: Path) -> None:
    """The newest row, from every way out: zip, a proof by itself, the console's proofs (ASVS 16.4.2)"""
    house = any_house
    watch = auditor(house)
    written(house, SIZE)
    name = forged(house)
    accept(house.parts, log_signer(house.parts), "other")
    keeper(house).sequence()
    row = house.parts.store.find(Event, {"id": bytes.fromhex(name)})[0]
    leaf = leaf_of(house.parts, event_by_id(house.parts, name))
    assert leaf.accepted is not None and leaf.row == row
    report = check_archive(
        exported(house, tmp_path / "log.zip", None, leaf.index + 1), log_signer(house.parts).verifiers
    )
    assert str(report["whole"]).endswith(f": index {leaf.index}")
    assert b'"accepted"' in prove(house.parts, leaf).extra
    got = take(watch, "proofs", "within=all&action=token.client_issued")
    assert [one["index"] for one in got if "accepted" in one] == [leaf.index] and len(got) > SIZE // 2


def test_a_time_is_found_where_a_row_is_gone(any_house: House) -> None:
    """``--from`` and ``--to`` by time, over a bundle whose first row was accepted as gone"""
    house = any_house
    written(house, SIZE)
    insider = Insider(house)
    insider.do(f"DELETE FROM events WHERE seq IN ({insider.seq(0)}, {insider.seq(256)})")
    accept(house.parts, log_signer(house.parts), "other")
    house.clock.advance(60)
    keeper(house).sequence()
    assert log_export.index_at(house.parts, house.clock() + 1) == verify(house.parts, log_signer(house.parts)).size
    assert log_export.index_at(house.parts, 0) == 1
