"""The set-up: scripts parse, commands are listed, a warm start costs nothing, a bare machine is told what it lacks."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SCRIPTS = sorted((ROOT / ".ci").glob("[a-z]*[!.lock]"))
SCRIPTS = [p for p in SCRIPTS if p.read_bytes().startswith(b"#!")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_a_script_parses_and_stops_at_the_first_failure(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_make_lists_what_others_rely_on() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"run", "test", "check", "bench"} <= set(re.findall(r"^  make ([a-z-]+) +\S", listed, re.MULTILINE))


def bare(tmp_path: Path, *tools: str) -> dict[str, str]:
    """An environment whose PATH holds the named tools alone."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("bash", "sh", "dirname", "cat", "cut", "sha256sum", "rm", "id", "mktemp", *tools):
        found = shutil.which(tool)
        assert found, tool
        (path / tool).symlink_to(found)
    return {"PATH": str(path), "HOME": str(tmp_path)}


def checkout(tmp_path: Path) -> Path:
    """The files that the set-up reads, elsewhere."""
    copy = tmp_path / "with space"
    (copy / ".ci").mkdir(parents=True)
    for file in (".ci/setup", ".ci/uv.lock", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
        shutil.copy(ROOT / file, copy / file)
    return copy


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    command = ["bash", ".ci/setup", "run"]
    run = subprocess.run(
        command, cwd=checkout(tmp_path), env=bare(tmp_path), capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "Python 3.11 or newer" in run.stderr


def test_a_machine_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    environment = bare(tmp_path)
    python = tmp_path / "bin/python3"
    python.write_text(
        '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *print*) echo python3-venv python3.11-venv;; esac\n',
        encoding="utf-8",
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    command = ["bash", ".ci/setup", "run"]
    run = subprocess.run(command, cwd=checkout(tmp_path), env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "apt-get install python3-venv" in run.stderr


def test_an_unknown_set_up_is_refused() -> None:
    run = subprocess.run(["bash", ".ci/setup", "everything"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "usage" in run.stderr


def work() -> float:
    """Of the commands that ended by now, not their waiting: the machine may be busy with others."""
    spent = os.times()
    return spent.children_user + spent.children_system


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.environ.get("YIMEN_STRICT"), reason="installs everything anew; run by .ci/run")
def test_a_clean_checkout_is_set_up_once_with_its_command(tmp_path: Path) -> None:
    """Also in a folder with a space in its name; the command runs from anywhere; a second set-up costs nothing."""
    copy = checkout(tmp_path)
    (copy / "idp/cli").mkdir(parents=True)
    (copy / "idp/__init__.py").touch()
    (copy / "idp/cli/__init__.py").write_text("def main() -> None:\n    print('一门')\n", encoding="utf-8")
    began = work()
    subprocess.run(["bash", ".ci/setup", "run"], cwd=copy, check=True)
    first = work() - began
    named = [str(copy / ".venv/bin/python"), "-c", "import importlib.metadata as m; print(m.version('yimen'))"]
    assert re.match(r"\d+\.\d+", subprocess.run(named, cwd="/", capture_output=True, text=True, check=True).stdout)
    said = subprocess.run([copy / ".venv/bin/idp"], cwd="/", capture_output=True, text=True, check=True).stdout
    assert said == "一门\n"
    stamp, began = (copy / ".venv/.made-run").stat().st_mtime_ns, work()
    subprocess.run(["bash", ".ci/setup", "run"], cwd=copy, check=True)
    assert work() - began < max(1, first / 4), "it begins again"
    assert (copy / ".venv/.made-run").stat().st_mtime_ns == stamp
    with (copy / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    subprocess.run(["bash", ".ci/setup", "run"], cwd=copy, check=True)
    assert (copy / ".venv/.made-run").stat().st_mtime_ns > stamp
