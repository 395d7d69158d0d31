"""An independent verifier agrees: Go's sumdb packages check checkpoint, tiles, inclusion and consistency of our log."""

import os
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from idp.audit import merkle, tiles
from idp.flows.log_reading import TileReader, consistency, events_between
from idp.flows.sequencer import head, log_signer
from tests.journeys.test_log_verify import written
from tests.kit.house import House
from tests.kit.process import need

SOURCE = Path(__file__).parents[1] / "audit" / "go" / "check.go"
GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once."""
    need("Go", "golang-go", shutil.which("go"))
    need("golang.org/x/mod", "golang-golang-x-mod-dev", (GOPATH / "src/golang.org/x/mod/sumdb/tlog").exists())
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
    }
    program = folder / "check"
    run = subprocess.run(
        ["go", "build", "-o", program, SOURCE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return program


def shown(house: House, folder: Path) -> Path:
    """All that a stranger can fetch, and proofs of ours."""
    now, reader = head(house.parts), TileReader(house.parts)
    for level in range(3):
        count = now.size >> 8 * level
        for n in range(-(-count // 256)):
            width = min(256, count - 256 * n)
            path = tiles.path(tiles.Tile(level, n, width))
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(house.request("GET", f"/log/{path}").data)
    (folder / "checkpoint").write_bytes(house.request("GET", "/log/checkpoint").data)
    proofs: list[list[Any]] = []
    for index, event in events_between(house.parts, 0, now.size):
        if index % 97 == 0 or index in (255, 256, now.size - 1):
            proofs.append([str(index), event.entry, *merkle.inclusion(index, now.size, tiles.spans(reader))])
    older: list[list[Any]] = []
    for old in (1, 2, 255, 256, 257, 299, now.size - 1, now.size):
        old_root, _, hashes = consistency(house.parts, old, now.size)
        older.append([str(old), old_root, *hashes])
    for name, rows in (("proofs", proofs), ("consistency", older)):
        texts = [" ".join(w if isinstance(w, str) else b64encode(w).decode() for w in row) for row in rows]
        (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return folder


def run(check: Path, key: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run([check, key, folder], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("size", [300, 700, 1024])
def test_go_finds_our_log_whole(house, check, tmp_path, size):
    """golang.org/x/mod/sumdb/note and tlog: the Ed25519 signature, every tile and proof; ML-DSA's line it leaves out"""
    written(house, size)
    key = log_signer(house.parts).verifiers[0].text()
    assert run(check, key, shown(house, tmp_path / "log")) == (0, f"whole {size}")


@pytest.mark.attack("A155")
def test_go_refuses_what_we_would_refuse(house, check, tmp_path):
    """The check checks: another key, an altered tile, root or proof"""
    written(house, 700)
    folder = shown(house, tmp_path / "log")
    key = log_signer(house.parts).verifiers[0].text()
    for name, old, new in (
        ("tile/0/001", b"", b""),
        ("checkpoint", b"\n700\n", b"\n699\n"),
        ("proofs", b"97 ", b"98 "),
        ("consistency", b"256 ", b"257 "),
    ):
        data = (folder / name).read_bytes()
        changed = bytes([data[0] ^ 1]) + data[1:] if not old else data.replace(old, new, 1)
        assert changed != data
        (folder / name).write_bytes(changed)
        assert run(check, key, folder)[0] == 1, name
        (folder / name).write_bytes(data)
    assert run(check, key, folder)[0] == 0
