"""Who may import whom (pyproject.toml, import-linter), and that each contract bites."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, imports, name, sources

LINT = Path(sys.executable).with_name("lint-imports")
STANDS_ALONE = {
    "idp/audit/merkle.py": set[str](),
    "idp/audit/tiles.py": {"idp.audit.merkle"},
    "idp/audit/note.py": {"cryptography"},
    "idp/audit/proof.py": {"idp.audit.merkle", "idp.audit.note"},
    "idp/audit/verify.py": {"idp.audit.merkle", "idp.audit.note", "idp.audit.proof", "idp.audit.tiles"},
}
"""What an export of the log carries → all that each module may import beside the standard library."""


def lint(root: Path) -> str:
    run = subprocess.run([LINT, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return run.stdout


def test_the_contracts_are_kept() -> None:
    report = lint(ROOT)
    assert re.search(r"Contracts: \d+ kept, 0 broken\.", report), report


BREACHES = {
    "web and store, then flows": ("idp/authn/breach.py", "import idp.flows"),
    "web and store are imported by idp.app alone": ("idp/cli/breach.py", "import idp.store"),
    "store implements ports": ("idp/store/breach.py", "import flask"),
    "journeys know no HTTP": ("idp/flows/breach.py", "import sqlalchemy"),
    "the law imports idp.errors": ("idp/protocol/breach_house.py", "import idp.ports"),
    "the law has no web": ("idp/protocol/breach.py", "import redis"),
    "the log's verifier can be carried away": ("idp/audit/proof.py", "import idp.records"),
    "clients and keys never import idp": ("clients/breach.py", "import keys"),
    "clients and keys are leaf": ("keys/breach.py", "import idp.errors"),
}


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on a copy of the house in which every contract is broken once."""
    copy = tmp_path_factory.mktemp("house")
    for path in [ROOT / "pyproject.toml", *sources("idp", "clients", "keys")]:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for where, breach in BREACHES.values():
        (copy / where).write_text(breach + "\n", encoding="utf-8")
    return lint(copy)


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_is_seen(breached: str, contract: str) -> None:
    assert re.search(rf"^{re.escape(contract)}.* BROKEN", breached, re.MULTILINE), breached


def test_every_contract_has_its_breach(breached: str) -> None:
    assert f"{len(BREACHES)} broken" in breached


def test_the_verifier_can_be_carried_away() -> None:
    """``audit.verify`` needs pure modules of ``audit``, the standard library and cryptography, so that an auditor trusts no more than that."""
    seen = set()
    for path in files():
        allowed = STANDS_ALONE.get(name(path))
        if allowed is not None:
            seen.add(name(path))
            foreign = {i for i in imports(path) if i.partition(".")[0] not in sys.stdlib_module_names}
            assert {i for i in foreign if i != "idp.audit" and not i.startswith(tuple(allowed) or ("-",))} == set()
    assert seen == set(STANDS_ALONE)
