"""Proofs and exports: what leaves the house is checked by whoever holds the log's keys, with nothing of ours but the verifier."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from idp.audit import merkle, note, proof
from idp.audit.events import ClientTokenIssued, record
from idp.audit.merkle import ProofError
from idp.audit.note import NoteError
from idp.audit.verify import Bad, check_archive
from idp.errors import Refusal
from idp.flows import log_export, log_reading
from idp.flows.sequencer import catch_up, log_signer
from idp.records import Event
from tests.journeys.test_log_verify import written
from tests.kit.house import House

SIZE = 700


def event_at(house: House, index: int) -> Event:
    return next(event for _, event in log_reading.events_between(house.parts, index, index + 1))


def exported(
    house: House, path: Path, start: int | None = None, end: int | None = None, *, sheet: bool = False
) -> Path:
    what = log_export.extract(house.parts, start, end)
    with path.open("wb") as out:
        log_export.write(house.parts, log_signer(house.parts), what, out, sheet=sheet, progress=lambda *_: None)
    return path


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 699])
def test_every_event_can_be_proved(any_house, index):
    """C2SP tlog-proof; what the entry is made of comes along"""
    house = any_house
    written(house)
    event = event_at(house, index)
    text = log_reading.prove(house.parts, log_reading.event_by_id(house.parts, event.id.hex())).text()
    found = proof.parse(text)
    signer = log_signer(house.parts)
    checked, signers = proof.verify(found, event.entry, signer.origin, signer.verifiers)
    assert (found.index, checked.size, len(signers)) == (index, SIZE, 2)
    assert json.loads(found.extra)["head"].encode() == event.head
    with pytest.raises(ProofError):
        proof.verify(found, event_at(house, (index + 1) % SIZE).entry, signer.origin, signer.verifiers)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nx",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nx",
        "c2sp.org/tlog-proof@v1\nindex ٣\n\nx",
        "c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "A" * 43 + "=\n" * 70 + "\nx",
    ],
)
def test_what_is_no_proof_is_refused(bad):
    with pytest.raises(ProofError):
        proof.parse(bad)


@pytest.mark.parametrize("asked", ["", "xyz", "00" * 16, "00" * 15, "é"])
def test_an_unknown_event_is_refused(house, asked):
    written(house, 20)
    with pytest.raises(Refusal):
        log_reading.event_by_id(house.parts, asked)


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 700), (1, 2), (255, 257), (256, 512), (300, 700), (700, 700)])
def test_each_tree_extends_every_older_one(any_house, old, size):
    """RFC 9162 §2.1.4"""
    written(any_house)
    old_root, root, hashes = log_reading.consistency(any_house.parts, old, size)
    merkle.verify_consistency(old, old_root, size, root, hashes)
    if 0 < old < size:
        with pytest.raises(ProofError):
            merkle.verify_consistency(old, root, size, root, hashes)


@pytest.mark.parametrize(("old", "size"), [(3, 2), (0, 701), (-1, 2)])
def test_trees_that_never_were_are_refused(house, old, size):
    written(house)
    with pytest.raises(Refusal):
        log_reading.consistency(house.parts, old, size)


@pytest.mark.parametrize(("start", "end"), [(None, None), (0, 1), (3, 300), (256, 512), (500, None), (699, 10_000)])
def test_an_export_is_checked_by_itself(any_house, tmp_path, start, end):
    """The zip's own verifier runs in an empty interpreter, without this program"""
    written(any_house)
    first, last = start or 0, min(end or SIZE, SIZE)
    path = exported(any_house, tmp_path / "log.zip", start, end)
    report = check_archive(path, log_signer(any_house.parts).verifiers)
    assert (report["events"], report["first"], report["size"]) == (last - first, first, SIZE)
    assert any_house.parts.store.find(Event, order=("-seq",), limit=1)[0].kind == "audit.exported"
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(path).extractall(folder)
    command = [sys.executable, "-E", "-s", folder / "verify.py", path]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (run.returncode, "whole: True" in run.stdout) == (0, True), run.stdout + run.stderr


def changed(path: Path, name: str, change) -> Path:
    """The archive with one file of it changed (None: left out)."""
    with zipfile.ZipFile(path) as old:
        files = {n: old.read(n) for n in old.namelist()}
    for known in [n for n in files if n == name or (name.endswith("*") and n.startswith(name[:-1]))]:
        files[known] = change(files[known])
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as new:
        for n, data in files.items():
            if data is not None:
                new.writestr(n, data)
    return target


FORGED = {
    "an event altered": ("events.jsonl", lambda d: d.replace(b'\\"scope\\":\\"s\\"', b'\\"scope\\":\\"t\\"', 1)),
    "a line left out": (
        "events.jsonl",
        lambda d: b"".join(d.splitlines(keepends=True)[:5] + d.splitlines(keepends=True)[6:]),
    ),
    "the last lines left out": ("events.jsonl", lambda d: b"".join(d.splitlines(keepends=True)[:-2])),
    "two swapped": (
        "events.jsonl",
        lambda d: b"".join([d.splitlines(keepends=True)[i] for i in (1, 0, *range(2, len(d.splitlines())))]),
    ),
    "all left out": ("events.jsonl", lambda _: b""),
    "a digest altered": ("events.jsonl", lambda d: d.replace(b'"salt":"', b'"salt":"00', 1)),
    "a tile altered": ("tile/0/000", lambda d: d[:-1] + bytes([d[-1] ^ 1])),
    "a tile left out": ("tile/1/*", lambda _: None),
    "another root": ("checkpoint", lambda d: d.replace(d.split(b"\n")[2], b"A" * 43 + b"=", 1)),
    "another size": ("checkpoint", lambda d: d.replace(b"\n700\n", b"\n699\n", 1)),
    "no signature": ("checkpoint", lambda d: d.partition(b"\n\n")[0] + b"\n\n"),
    "another log": ("manifest.json", lambda d: d.replace(b"id.example", b"ip.example")),
    "a wider range": ("manifest.json", lambda d: d.replace(b'"to":300', b'"to":301')),
}


@pytest.mark.attack("A155")
@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_export_is_refused(house, tmp_path, forgery):
    """RFC 9162 §2.1, C2SP signed-note: nothing that is exported can be changed unseen"""
    written(house)
    path = exported(house, tmp_path / "log.zip", 0, 300)
    forged = changed(path, *FORGED[forgery])
    with pytest.raises((Bad, NoteError, ProofError)):
        check_archive(forged, log_signer(house.parts).verifiers)


@pytest.mark.attack("A155")
def test_an_export_of_another_house_is_refused(house, make_house, tmp_path):
    """C2SP signed-note: the keys are the auditor's, not those that came along"""
    written(house, 30)
    path = exported(house, tmp_path / "log.zip")
    signer = log_signer(house.parts)
    foreign, _ = note.ed25519_signer(signer.origin, _other_key())
    with pytest.raises(NoteError):
        check_archive(path, [foreign])


def _other_key():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


@pytest.mark.attack("A153")
def test_no_cell_of_the_table_is_a_formula(house, tmp_path):
    """CWE-1236: a spreadsheet runs nothing of what a log holds"""
    fact = ClientTokenIssued(client_id="=HYPERLINK(1)", scope="s")
    house.parts.store.commit([record(fact, at=house.clock(), entropy=house.parts.entropy)])
    catch_up(house.parts, log_signer(house.parts), house.clock())
    path = exported(house, tmp_path / "log.zip", sheet=True)
    text = zipfile.ZipFile(path).read("events.csv").decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in text
    line = next(line for line in csv.DictReader(io.StringIO(text)) if "HYPERLINK" in line["client_id"])
    assert datetime.fromisoformat(line["time"]).timestamp() * 1_000_000 == pytest.approx(int(line["at"]), abs=1000)
    assert ",=" not in text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", " =1", "|x", "＝1"])
def test_a_harmful_cell_stands_behind_an_apostrophe(cell):
    assert log_export.harmless(cell) == f"'{cell}"


def test_a_time_finds_its_place(any_house):
    """The log's order is that of commits: a time leads to the first event of it"""
    house = any_house
    written(house)
    house.clock.advance(3600)
    middle = house.clock()
    written(house, 2 * SIZE)
    parts = house.parts
    assert [log_export.index_at(parts, at) for at in (0, middle, middle + 1)] == [0, SIZE, 2 * SIZE]
    assert [log_export.index_until(parts, at) for at in (1, middle, middle + 1)] == [0, SIZE, 2 * SIZE]
