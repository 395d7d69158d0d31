"""Witnesses: what one cosigned, no log takes back (C2SP tlog-witness, tlog-cosignature)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3
from click.testing import CliRunner

from idp.audit import merkle, note, tiles
from idp.audit.note import NoteError
from idp.audit.witness import Refused, Submission, accepted, parse
from idp.cli import main
from idp.cli.witness import Cosigner, handler
from idp.config import ConfigError
from idp.flows.log_reading import TileReader
from idp.flows.log_witnesses import Witnessing, witnesses
from idp.flows.sequencer import head, log_signer
from idp.records import Event
from tests.journeys.test_log_verify import written
from tests.kit.house import House

NAME = "witness.example/w1"


def cosigner(folder: Path, house: House) -> Cosigner:
    return Cosigner(folder, NAME, log_signer(house.parts).verifiers)


@contextmanager
def served(made: Cosigner, now: int) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made, lambda: now))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def submission(house: House, old: int) -> Submission:
    now = head(house.parts)
    proof = merkle.consistency(old, now.size, tiles.spans(TileReader(house.parts)))
    return Submission(old, tuple(proof), now.note.decode())


def test_a_witness_cosigns_what_extends_what_it_cosigned(house, tmp_path):
    """C2SP tlog-witness add-checkpoint; both kinds of cosignature, with their time"""
    made = cosigner(tmp_path, house)
    written(house, 30)
    first = made.add_checkpoint(submission(house, 0).body(), house.clock.seconds)
    written(house, 700)
    answer = made.add_checkpoint(submission(house, 30).body(), house.clock.seconds)
    assert first.count("\n") == answer.count("\n") == 2
    signed = head(house.parts).note.decode()
    lines = accepted(signed, answer, made.verifiers, house.clock.seconds)
    checked, signers = note.opened(signed + "".join(lines), "id.example/log", made.verifiers)
    assert (checked.size, {k.type for k in signers}) == (700, {0x04, 0x06})
    assert made.add_checkpoint(submission(house, 700).body(), 1), "the same tree again is cosigned again"


@pytest.mark.attack("A155", "F50")
def test_a_witness_refuses_what_is_no_continuation(house, make_house, tmp_path):
    """C2SP tlog-witness: the status of each check"""
    made = cosigner(tmp_path / "w", house)
    written(house, 30)
    small = submission(house, 0)
    made.add_checkpoint(small.body(), 1)
    written(house, 300)
    good = submission(house, 30)
    large = good.checkpoint
    table = {
        "an old size that it knows better": (Submission(0, (), large), 409),
        "an old size above the tree's": (Submission(301, good.proof, large), 400),
        "a proof of another tree": (Submission(30, (*good.proof[:-1], b"x" * 32), large), 422),
        "no proof": (Submission(30, (), large), 422),
        "another log": (Submission(0, (), large.replace("id.example/log", "ip.example/log")), 404),
        "no signature of the log": (
            Submission(30, good.proof, large.partition("\n\n")[0] + "\n\n\N{EM DASH} x AAAAAAAA\n"),
            403,
        ),
        "an altered root": (Submission(30, good.proof, large.replace(large.split("\n")[2], "A" * 43 + "=")), 403),
    }
    for what, (sent, status) in table.items():
        with pytest.raises(Refused) as no:
            made.add_checkpoint(sent.body(), 1)
        assert no.value.status == status, what
        assert no.value.body == ("30\n" if status == 409 else ""), what
    made.add_checkpoint(good.body(), 1)
    with pytest.raises(Refused) as rolled:
        made.add_checkpoint(small.body(), 1)
    assert (rolled.value.status, rolled.value.body) == (409, "300\n")


@pytest.mark.parametrize(
    "body", [b"", b"old\n\nx", b"old -1\n\nx", b"old 01\n\nx", b"old 1\nAAAA\n\nx", b"\xff", b"old 1\n" + b"A" * 70_000]
)
def test_what_is_no_submission_is_refused(body):
    with pytest.raises(Refused) as no:
        parse(body)
    assert no.value.status == 400


@pytest.mark.attack("A155")
def test_a_witness_never_cosigns_two_trees_of_one_size(house, make_house, tmp_path):
    """C2SP tlog-witness: equal sizes need equal roots"""
    import shutil

    written(house, 30)
    twin_folder = tmp_path / "twin"
    shutil.copytree(tmp_path / "house", twin_folder)
    made = cosigner(tmp_path / "w", house)
    written(house, 50)
    made.add_checkpoint(submission(house, 0).body(), 1)
    from tests.kit.house import config_in

    twin = House(config_in(twin_folder), house.clock)
    try:
        twin.clock.advance(1)
        written(twin, 50)
        with pytest.raises(Refused) as no:
            made.add_checkpoint(submission(twin, 50).body(), 1)
        assert no.value.status == 409
        written(twin, 60)
        with pytest.raises(Refused) as no:
            made.add_checkpoint(submission(twin, 50).body(), 1)
        assert no.value.status == 422
    finally:
        twin.close()


def test_of_many_at_once_none_rolls_the_witness_back(house, tmp_path):
    """C2SP tlog-witness: check and persist are one step, over processes too"""
    written(house, 20)
    sent = []
    for size in range(30, 110, 10):
        written(house, size)
        sent.append((size, submission(house, 20)))
    made = cosigner(tmp_path, house)
    started = Submission(0, (), sent[0][1].checkpoint)
    made.add_checkpoint(started.body(), 1)
    others = [cosigner(tmp_path, house) for _ in range(4)]

    def send(number: int) -> int:
        size, one = sent[number % len(sent)]
        try:
            others[number % 4].add_checkpoint(one.body(), 1)
        except Refused:
            return 0
        return size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(40)))
    with pytest.raises(Refused) as no:
        made.add_checkpoint(started.body(), 1)
    assert int(no.value.body) >= 30


def test_our_log_is_cosigned_over_http_and_shows_it(make_house, tmp_path):
    """The checkpoint that is served carries the witness's lines; a change of state is an event"""
    house = make_house()
    made = cosigner(tmp_path / "w", house)
    with served(made, house.clock.seconds) as url:
        settings = tuple(f"{key.text()}@{url}" for key in made.verifiers)
        watched = make_house(log_witnesses=settings, outbound_allow=("127.0.0.1",))
        written(watched, 300)
        witnessing = Witnessing(watched.parts, settings)
        assert witnessing.ask(watched.clock()) == {url: "ok"}
        text = watched.request("GET", "/log/checkpoint").text
        _, signers = note.opened(text, "id.example/log", made.verifiers)
        assert len(signers) == 2
        fresh = Witnessing(watched.parts, settings)
        written(watched, 400)
        assert fresh.ask(watched.clock()) == {url: "ok"}, "the witness itself says what it cosigned"
        refused = urllib3.request("POST", f"{url}/add-checkpoint", body=b"nonsense", retries=False)
        assert refused.status == 400
        conflict = urllib3.request("POST", f"{url}/add-checkpoint", body=submission(watched, 0).body(), retries=False)
        assert (conflict.status, conflict.headers["Content-Type"], conflict.data) == (409, "text/x.tlog.size", b"400\n")
        assert urllib3.request("POST", f"{url}/other", body=b"", retries=False).status == 404
    assert fresh.ask(watched.clock()) == {url: "away"}
    told = [e.head for e in watched.parts.store.find(Event, {"kind": "audit.witness"}, order=("seq",))]
    assert [b'"ok"' in t for t in told] == [True, True, False] and b'"away"' in told[-1]


def test_a_witness_that_saw_more_disagrees(make_house, tmp_path):
    """F50: a rollback is known when the witness is there again"""
    house = make_house()
    written(house, 40)
    made = cosigner(tmp_path / "w", house)
    copy = tmp_path / "copy.db"
    house.parts.store.backup(str(copy))
    written(house, 90)
    made.add_checkpoint(submission(house, 0).body(), 1)
    house.close()
    database = Path(house.config.database_url.removeprefix("sqlite:///"))
    for end in ("-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    copy.replace(database)
    with served(made, 1) as url:
        settings = tuple(f"{key.text()}@{url}" for key in made.verifiers)
        old = make_house(log_witnesses=settings, outbound_allow=("127.0.0.1",))
        assert Witnessing(old.parts, settings).ask(old.clock()) == {url: "disagrees"}


@pytest.mark.parametrize("setting", ["x", "x@https://w", "a+00000000+AAAA@https://w"])
def test_a_setting_that_names_no_witness_is_refused(setting):
    with pytest.raises(ConfigError):
        witnesses([setting])


def test_a_logs_own_key_is_no_witness(house):
    with pytest.raises(ConfigError):
        witnesses([f"{log_signer(house.parts).verifiers[0].text()}@https://w.example"])


def test_a_false_or_future_cosignature_is_refused(house, tmp_path):
    """C2SP tlog-cosignature: verified before it is shown"""
    made = cosigner(tmp_path, house)
    written(house, 30)
    signed = head(house.parts).note.decode()
    answer = made.add_checkpoint(submission(house, 0).body(), 1000)
    for bad, now in (
        (answer, 1),
        (answer[:-3] + ("E" if answer[-3] == "A" else "A") + "=\n", 1000),
        ("", 1000),
        ("nonsense\n", 1000),
    ):
        with pytest.raises(NoteError):
            accepted(signed, bad, made.verifiers, now)


def test_the_witness_has_one_key_for_ever(tmp_path):
    run = CliRunner().invoke(main, ["witness", str(tmp_path), "--name", NAME, "--keys"])
    again = CliRunner().invoke(main, ["witness", str(tmp_path), "--name", NAME, "--keys"])
    assert run.exit_code == 0 and run.stdout == again.stdout
    assert [note.verifier(line).type for line in run.stdout.split()] == [0x04, 0x06]
    assert (tmp_path / "witness.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "witness.key").write_bytes(b"short")
    assert CliRunner().invoke(main, ["witness", str(tmp_path), "--name", NAME, "--keys"]).exit_code == 1
