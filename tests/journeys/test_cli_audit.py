"""``idp audit`` as an operator and an auditor use it, on a real installation."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from idp.app import close_parts, open_parts
from idp.audit import merkle, note, proof
from idp.config import load
from idp.flows.log_keeper import LogKeeper
from idp.flows.sequencer import Damaged
from tests.kit.operator import CLIENT, Operator


@pytest.fixture
def idp(tmp_path: Path, prepared_house: Path) -> Operator:
    """An installation whose log has been kept for a while."""
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    operator = Operator(tmp_path)
    operator.ask(
        "departments",
        "add",
        "税务局",
        "--name-en",
        "Tax",
        "--credit-code",
        "11330000MB0000019E",
        "--region",
        "330100",
        "--level",
        "city",
    )
    keep(operator)
    return operator


def keep(operator: Operator) -> None:
    """What the worker does."""
    parts = open_parts(load(operator.env))
    keeper = LogKeeper(parts, trouble=lambda _: None)
    try:
        keeper.sequence()
        keeper.tick()
    finally:
        close_parts(parts)


def test_a_whole_log_verifies(idp):
    size = len(idp.ask("audit", "list", "--limit", "1000"))
    told = idp.ask("audit", "verify")
    assert (told["whole"], told["size"], told["waiting"]) == (True, size, 0)
    shown = idp.run("audit", "verify")
    assert (shown.exit_code, "whole" in shown.stdout) == (0, True)


@pytest.mark.attack("A155", "F28")
def test_an_altered_log_says_where(idp):
    """RFC 9162 §2.1; exit code 1 for programs"""
    import sqlite3

    with sqlite3.connect(idp.folder / "main.db") as rows:
        rows.execute(
            "UPDATE events SET head = replace(head, 'active', 'next') WHERE seq = (SELECT min(seq) + 3 FROM events)"
        )
    rows.close()
    result = idp.run("audit", "verify", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["whole"], told["index"]) == (1, False, 3)


def test_an_event_is_proved(idp):
    event = idp.ask("audit", "list", "--limit", "1")[0]
    keys = [note.verifier(text) for text in idp.ask("audit", "checkpoint", "--keys")["keys"]]
    text = idp.run("audit", "prove", event["id"]).stdout
    proof.verify(proof.parse(text), bytes.fromhex(event["entry"]), "id.example/log", keys)
    assert idp.run("audit", "prove", "00" * 16).exit_code == 1


def test_an_older_log_is_proved_to_be_the_beginning(idp):
    from base64 import b64decode

    size = idp.ask("audit", "checkpoint")["size"]
    told = idp.ask("audit", "consistency", "3", str(size))
    old_root, root = b64decode(told["old_root"]), b64decode(told["root"])
    merkle.verify_consistency(3, old_root, size, root, [b64decode(h) for h in told["proof"]])
    assert root.hex() == idp.ask("audit", "checkpoint")["root"]
    assert idp.run("audit", "consistency", "3", str(size + 1)).exit_code == 1


def test_a_part_is_exported_with_all_that_checks_it(idp, tmp_path):
    out = tmp_path / "log.zip"
    assert idp.ask("audit", "export", "--out", str(out), "--from", "2", "--to", "5", "--csv")["events"] == 3
    names = set(zipfile.ZipFile(out).namelist())
    assert {"events.jsonl", "events.csv", "checkpoint", "keys", "verify.py", "first.tlog-proof"} <= names
    assert out.stat().st_mode & 0o777 == 0o600
    days = idp.ask("audit", "export", "--out", str(out), "--from", "2020-01-01", "--to", "2100-01-01T00:00:00Z")
    assert days["from"] == 0
    for wrong in (["--from", "soon"], ["--from", "5", "--to", "5"]):
        assert idp.run("audit", "export", "--out", str(out), *wrong).exit_code in (1, 2)
    assert idp.run("audit", "export", "--from", "2").exit_code == 2


@pytest.mark.attack("A155", "F29")
def test_an_older_copy_is_not_served_until_it_is_accepted(idp, tmp_path):
    """The operator is told what to do, and what is done is in the log"""
    idp.ask("backup", str(tmp_path / "copies"))
    for key in range(3):
        idp.ask(
            "accounts", "add", idp.file("a.json", {"identifiers": [f"p.{key}"], "password": "a long enough sentence"})
        )
    keep(idp)
    for name in ("main.db", "main.db-wal", "main.db-shm", "keyring.db", "keyring.db-wal", "keyring.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    restored = idp.ask("restore", str(tmp_path / "copies"))
    assert restored["log"] == "older than what was remembered: look with `idp audit verify`, then `idp audit accept`"
    refused = idp.run("serve", "--bind", "127.0.0.1:1", IDP_MANAGEMENT_BIND="127.0.0.1:1")
    assert (refused.exit_code, "idp audit accept" in refused.stderr) == (1, True)
    assert json.loads(idp.run("audit", "verify", "--json").stdout)["whole"] is False
    shown = idp.ask("audit", "accept", "--reason", "restored")
    assert shown["accepted"] is False and shown["had"] > shown["has"]
    assert {"would_end_sessions", "would_end_grants", "would_end_codes"} <= set(shown)
    assert "everybody signs in again" in idp.run("audit", "accept", "--reason", "failover").output
    done = idp.ask("audit", "accept", "--reason", "restored", "--yes")
    assert done["had"] > done["has"] and {"sessions_ended", "grants_ended", "codes_ended"} <= set(done)
    keep(idp)
    assert idp.ask("audit", "verify")["whole"] is True
    assert "audit.accepted" in [e["kind"] for e in idp.ask("audit", "list")]


@pytest.mark.attack("A155", "F28")
def test_the_doctor_looks_at_the_log(idp):
    """An alarm is not over because nobody looked"""
    import sqlite3

    sending = {"IDP_SMTP_URL": "smtps://u:p@mail.example/?from=a@b.example"}
    well = idp.run("doctor", "--offline", **sending)
    assert (well.exit_code, "events in the tree, 0 waiting" in well.output) == (0, True), well.output
    with sqlite3.connect(idp.folder / "main.db") as rows:
        rows.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    rows.close()
    ill = idp.run("doctor", "--offline", **sending)
    assert (ill.exit_code, "idp audit accept" in ill.output) == (1, True), ill.output
    keep_alarmed(idp)
    assert idp.run("audit", "accept", "--reason", "lost", "--yes").exit_code == 0
    keep(idp)
    assert idp.run("doctor", "--offline", **sending).exit_code == 0


def keep_alarmed(operator: Operator) -> None:
    """The worker's look at a log whose newest event is gone."""
    parts = open_parts(load(operator.env))
    LogKeeper(parts, trouble=lambda _: None).tick()
    close_parts(parts)


def test_the_keeper_goes_on_with_what_it_can_do(make_house, tmp_path):
    """A memory that can't be written keeps no checkpoint from its receivers (F50)"""
    from idp.errors import Unavailable
    from idp.receivers import open_receivers
    from tests.journeys.test_log_verify import written

    file = tmp_path / "offsite"
    house = make_house(log_checkpoint_file=str(tmp_path / "gone" / "x"), log_receivers=(f"file://{file}",))
    written(house, 20)
    with pytest.raises(Unavailable, match="IDP_LOG_CHECKPOINT_FILE"):
        LogKeeper(house.parts, open_receivers(house.config, house.parts.outbound)).tick()
    assert file.read_text().startswith("id.example/log\n20\n")


def test_a_client_is_meant_by_its_name(idp):
    """As in the console's search: an id, a name, or the ids to choose from"""
    (department,) = (one["id"] for one in idp.ask("departments", "list"))
    added = [
        idp.ask("clients", "add", idp.file("c.json", {**CLIENT, "client_name": name}), "--department", department)
        for name in ("Tax bureau", "Tax bureau, archive")
    ]
    first, second = (one["client_id"] for one in added)
    for typed in (first, "tax bureau"):
        assert {e["client_id"] for e in idp.ask("audit", "list", "--client", typed)} == {first}
    refused = idp.run("audit", "search", "--client", "bureau")
    assert (refused.exit_code, first in refused.stderr and second in refused.stderr) == (1, True)


@pytest.mark.attack("A155", "F28", "F29")
def test_a_forged_row_that_was_accepted_is_told_alike_and_a_copy_of_it_comes_back(idp, tmp_path):
    """Verify, doctor, export and restore name the same place, never plain "whole"; what nobody accepted is still refused (DECISIONS 90, 92)"""
    import sqlite3
    import subprocess
    import sys

    columns, others = (
        "at, kind, client_id, actor, head, salt, fields, entry",
        "at, kind, client_id, actor, head, salt, fields, zeroblob(32)",
    )
    with sqlite3.connect(idp.folder / "main.db") as rows:
        rows.execute(
            f"INSERT INTO events (id, {columns}) SELECT x'{'ab' * 16}', {others} FROM events ORDER BY seq DESC LIMIT 1"
        )
        seq = rows.execute("SELECT max(seq) FROM events").fetchone()[0]
    rows.close()
    index = idp.ask("audit", "checkpoint")["size"]
    with pytest.raises(Damaged):
        keep(idp)
    alarmed = idp.run("audit", "verify")
    assert alarmed.exit_code == 1 and f"(number {seq})" in alarmed.output and "events_pending" in alarmed.output
    assert "may be refused" in idp.run("backup", str(tmp_path / "early")).output
    asked = idp.run("audit", "accept", "--reason", "other")
    assert str(seq) in asked.output and "events_pending" in asked.output
    assert idp.ask("audit", "accept", "--reason", "other", "--yes")["rows_let_in"] == [seq]
    keep(idp)
    for _ in range(2):
        told = idp.run("audit", "verify", "--json")
        found = json.loads(told.stdout)
        assert (told.exit_code, found["whole"], found["accepted"][0]["index"]) == (3, False, index)
        shown = idp.run("audit", "verify")
        assert shown.exit_code == 3 and "but for 1 event that was accepted on" in shown.output
        idp.ask("audit", "accept", "--reason", "other", "--yes")
        keep(idp)
    doctor = idp.run("doctor", "--offline", IDP_SMTP_URL="smtps://u:p@mail.example/?from=a@b.example")
    assert f"accepted on {found['accepted'][0]['accepted'][:10]}: index {index}" in doctor.output
    out = tmp_path / "log.zip"
    idp.ask("audit", "export", "--out", str(out))
    with zipfile.ZipFile(out) as packed:
        packed.extractall(tmp_path / "out")
    said = subprocess.run([sys.executable, tmp_path / "out" / "verify.py"], capture_output=True, text=True, check=False)
    assert said.returncode == 3 and f": index {index}" in said.stdout, said.stderr

    warned = idp.run("backup", str(tmp_path / "copies"))
    assert f"index {index}" in warned.output and warned.exit_code == 0
    trial = idp.ask("restore", str(tmp_path / "copies"), "--verify")
    assert trial["whole"] == found["what"].removeprefix("whole ")
    assert idp.run("restore", str(tmp_path / "early"), "--verify").exit_code == 1, "nobody had accepted it then"
    for name in ("main.db", "main.db-wal", "main.db-shm", "keyring.db", "keyring.db-wal", "keyring.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert idp.ask("restore", str(tmp_path / "copies"))["whole"] == trial["whole"]


def on_a_terminal(idp, *arguments):
    """What the verb writes to standard error where that is a terminal."""
    import os
    import pty
    import subprocess
    import sys

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "idp.cli", *arguments]
    env = {**os.environ, **idp.env, "TERM": "xterm", "COLUMNS": "80"}
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=theirs, check=False)
    os.write(theirs, b"\n<end>")
    said = b""
    while not said.endswith(b"<end>"):
        said += os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    return said.decode()


@pytest.mark.parametrize(
    ("verb", "label"),
    [
        (("audit", "verify"), "verifying"),
        (("audit", "accept", "--reason", "other"), "reading"),
        (("audit", "accept", "--reason", "other", "--yes"), "reading"),
        (("audit", "export", "--out", "/dev/null"), "exporting"),
        (("restore", "{copies}", "--verify"), "reading"),
    ],
    ids=["verify", "accept", "accept-yes", "export", "restore"],
)
def test_who_reads_the_whole_log_shows_it_on_a_terminal_alone(idp, tmp_path, verb, label):
    """Nothing on a pipe, nothing with --json"""
    copies = str(tmp_path / "copies")
    assert idp.run("backup", copies).exit_code == 0
    command = [word.format(copies=copies) for word in verb]
    shown = on_a_terminal(idp, *command)
    assert label in shown and "100%" in shown
    assert label not in on_a_terminal(idp, *command, "--json")
    assert label not in idp.run(*command).stderr


def by_hand(idp, *statements):
    import sqlite3

    with sqlite3.connect(idp.folder / "main.db") as rows:
        for statement in statements:
            rows.execute(statement)
    rows.close()


@pytest.mark.attack("A155", "F28")
def test_an_altered_row_holds_no_list_up_and_says_what_it_is(idp, tmp_path):
    """Lists, searches and exports go on; none passes it for what was written (ASVS 16.4.2)"""
    by_hand(idp, "UPDATE events SET head = x'7b22', client_id = 'zz' WHERE seq = 3", "DELETE FROM events WHERE seq = 5")
    kind = idp.ask("audit", "list", "--limit", "1000")[2]["kind"]
    for verb in (("list", "--limit", "1000"), ("search", "--kind", kind, "--limit", "1000")):
        shown = idp.run("audit", *verb)
        assert (shown.exit_code, shown.output.count("[NOT AS IT WAS WRITTEN]")) == (0, 1), verb
    rows = idp.ask("audit", "list", "--limit", "1000")
    assert [row["as_written"] for row in rows if "as_written" in row] == [False]
    lines = tmp_path / "log.jsonl"
    told = idp.run("audit", "export", "--out", str(lines))
    assert "1 of them not as written" in told.stderr
    assert sum("as_written" in json.loads(line) for line in lines.read_text().splitlines()) == 1
    out = tmp_path / "log.zip"
    out.write_bytes(b"kept")
    refused = idp.run("audit", "export", "--out", str(out), "--to", "4")
    assert refused.exit_code == 0 and "not_as_written" in refused.output
    out.write_bytes(b"kept")
    refused = idp.run("audit", "export", "--out", str(out))
    assert refused.exit_code == 1 and "index 4: the event is gone" in refused.output
    assert out.read_bytes() == b"kept" and [path.name for path in tmp_path.glob("log.zip*")] == ["log.zip"]
    refused = idp.run("audit", "export", "--out", str(out), "--from", "2", "--to", "3")
    assert refused.exit_code == 1 and "index 2: the event is not as it was written" in refused.output


@pytest.mark.attack("A155", "F28")
def test_what_to_do_is_told_of_what_is_wrong_alone(idp):
    """A row in the tree is not deleted, one that waits is not restored; verify does not send to verify (ASVS 16.4.2)"""
    kept = "at, kind, client_id, actor, head, salt, fields, entry"
    by_hand(idp, "UPDATE events SET client_id = 'zz' WHERE seq = 3")
    checked = idp.run("audit", "verify").output
    assert "idp restore" in checked and "events_pending" not in checked and "look with" not in checked
    asked = idp.run("audit", "accept", "--reason", "other")
    assert "rows_amiss: places (index)" in asked.stderr and "rows_let_in" not in asked.output + asked.stderr
    idp.ask("audit", "accept", "--reason", "other", "--yes")
    keep(idp)
    by_hand(idp, f"INSERT INTO events (id, {kept}) SELECT x'{'ab' * 16}', {kept} FROM events ORDER BY seq DESC LIMIT 1")
    with pytest.raises(Damaged):
        keep(idp)
    checked = idp.run("audit", "verify").output
    assert "1 event that waits for its leaf is not as it was written" in checked and "events_pending" in checked
    assert "idp restore" not in checked
    asked = idp.run("audit", "accept", "--reason", "other")
    assert "rows_let_in: numbers (column seq)" in asked.stderr and "rows_amiss" not in asked.output + asked.stderr
    left = idp.run("audit", "export", "--out", str(idp.folder / "log.zip"))
    assert left.exit_code == 0 and "an alarm stands" in left.stderr and "is a worker running" not in left.stderr
    late = [row for row in idp.ask("audit", "list", "--limit", "1000") if row.get("in_log") is False]
    assert {"audit.alarmed", "alert.raised"} <= {row["kind"] for row in late}
    assert "[not yet in the log]" in idp.run("audit", "search", "--kind", "audit.alarmed").output
    unproved = idp.run("audit", "prove", late[-1]["id"])
    assert unproved.exit_code == 1 and "idp doctor" in unproved.output
    assert "an alarm stands that nobody accepted" in idp.run("doctor", "--offline").output


def test_a_search_says_what_it_could_not_look_through(idp, monkeypatch):
    """No worker runs, and more waits than is read: the time of which events may be missing is told"""
    from idp.flows import log_unsequenced

    for n in range(3):
        assert idp.run("audit", "export", "--out", str(idp.folder / f"{n}.jsonl")).exit_code == 0
    assert "missing" not in idp.ask("audit", "search", "--kind", "audit.exported")
    monkeypatch.setattr(log_unsequenced, "MOST", 1)
    told = idp.run("audit", "search", "--kind", "audit.exported")
    assert "may be missing" in told.stderr and told.exit_code == 0
    found = idp.ask("audit", "search", "--kind", "audit.exported")
    assert len(found["events"]) == 1 and set(found["missing"]) == {"since", "until"}
