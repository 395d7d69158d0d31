"""One short run of the whole bench; no figure is judged, only that everything was done and nothing went wrong."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from idp.bench.operations import NAMES
from idp.cli import main
from tests.kit.process import need


@pytest.mark.slow
def test_every_operation_is_done_on_the_real_server_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("wrk", "wrk", shutil.which("wrk"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    out = tmp_path / "bench.json"
    words = ["bench", "--stack", "sqlite", "--seconds", "1", "--rounds", "1", "--connections", "4", "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    rows = {row["operation"]: row for row in json.loads(out.read_bytes())["rows"]}
    assert tuple(rows) == NAMES
    assert {name: row["last_error"] for name, row in rows.items() if row["bad"]} == {}
    assert all(row["server_us"] > 0 and row["rate"] > 0 for row in rows.values())
    assert all(name in done.output for name in NAMES)
    assert list(tmp_path.glob("yimen-bench-*")) == []


@pytest.mark.slow
def test_the_log_is_measured_without_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("idp.bench.log.EVENTS", 2000)
    done = CliRunner().invoke(main, ["bench", "--only", "log", "--stack", "sqlite", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["log"]
    assert row["events"] >= 2000
    assert min(row["integrate_per_s"], row["verify_per_s"], row["proof_ms"]) > 0
    assert list(tmp_path.glob("yimen-bench-*")) == []
