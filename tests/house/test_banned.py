"""What may be named nowhere, or in one place: ruff's banned API, and what ruff can't see on an instance."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name, parsed, sources, text

RUFF = str(Path(sys.executable).with_name("ruff"))
BANNED = [
    "import datetime\n\ndatetime.datetime.now()",
    "from datetime import datetime\n\ndatetime.utcnow()",
    "import time\n\ntime.time()",
    "from time import time_ns\n\ntime_ns()",
    "import random",
    "from random import choice",
    "import uuid\n\nuuid.uuid4()",
    "from flask import g",
    "import flask\n\nflask.request.values",
    "from werkzeug import Request\n\nRequest.values",
    "from flask import Flask\n\nFlask.test_client",
]


def ruff(code: str, filename: str) -> str:
    command: list[str] = [
        RUFF,
        "check",
        "--no-cache",
        "--select",
        "TID251",
        "--output-format",
        "concise",
        "--stdin-filename",
        filename,
        "-",
    ]
    return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("code", BANNED)
def test_ruff_refuses(code: str) -> None:
    assert "TID251" in ruff(code, "idp/flows/example.py")


def test_the_composition_alone_reads_the_clock() -> None:
    code = "import time\n\ntime.time_ns()"
    assert "TID251" not in ruff(code, "idp/app.py")
    assert "TID251" in ruff(code, "idp/ports.py")


DECIDING = ("protocol", "flows", "authn", "release", "federation", "audit")


def clocks(tree: ast.Module) -> list[str]:
    """Imports of ``time``: whoever has it can read a clock or wait."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return [
        f"line {node.lineno}"
        for node in found
        if (node.module if isinstance(node, ast.ImportFrom) else "") == "time" or "time" in [a.name for a in node.names]
    ]


def test_imports_of_time_are_seen() -> None:
    assert len(clocks(ast.parse("import time\nfrom time import sleep\nimport datetime\nimport os, time"))) == 3


def test_nothing_that_decides_waits_or_reads_a_clock() -> None:
    """Time is an argument (DESIGN §2.8): a wait too, which stands at the wire."""
    rooms = [path for path in sources("idp") if name(path).split("/")[1] in DECIDING]
    assert len(rooms) > 100
    assert {name(path): found for path in rooms if (found := clocks(parsed(path)))} == {}


WORDS = re.compile("test_client|values")


def uses(tree: ast.Module) -> list[str]:
    """``request.values`` and ``anything.test_client(…)``: instances, whose class ruff does not know."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr == "test_client" or (node.attr == "values" and owner in {"request", "req"}):
                found.append(f"line {node.lineno}: {owner or '…'}.{node.attr}")
    return found


def test_instances_are_watched_too() -> None:
    assert len(uses(ast.parse("request.values; req.values; make().test_client(); rows.values()"))) == 3


def test_no_file_goes_round_the_edge_or_mixes_query_and_body() -> None:
    everywhere = [p for p in sources("idp", "clients", "keys", "migrations", "tests") if WORDS.search(text(p))]
    assert {name(path): found for path in everywhere if (found := uses(parsed(path)))} == {}
