"""What is installed is what was locked, with hashes, and every direct dependency says why it is there."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
LOCKS = ("requirements.lock", "requirements-test.lock", ".ci/uv.lock")
BLOCK = re.compile(
    r"^(?P<pin>[a-z0-9][^\s\\]*==[^\\\n]+?) *\\\n(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", re.MULTILINE
)


def pins(lock: str) -> dict[str, Requirement]:
    """Name → pinned requirement; for forks by environment the one that holds here."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = [Requirement(match["pin"]) for match in BLOCK.finditer(text)]
    return {canonicalize_name(r.name): r for r in found if r.marker is None or r.marker.evaluate()}


def version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pin_with_hashes_or_a_comment(lock: str) -> None:
    rest = BLOCK.sub("", (ROOT / lock).read_text(encoding="utf-8"))
    assert [line for line in rest.splitlines() if line.strip() and not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-test.lock", PROJECT["dependencies"] + EXTRAS),
    ],
)
def test_every_direct_dependency_is_locked_within_its_bounds(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        pin = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version(pin)), f"{pin} is outside {requirement}"


def test_the_test_lock_holds_the_product_lock() -> None:
    product, tests = pins("requirements.lock"), pins("requirements-test.lock")
    assert {n: version(p) for n, p in product.items()} == {n: version(tests[n]) for n in product if n in tests}


def test_what_runs_here_is_what_was_locked() -> None:
    installed: dict[str, str] = {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions()}
    locked: dict[str, str] = {n: version(p) for n, p in pins("requirements-test.lock").items()}
    assert {n: installed.get(n) for n in locked} == locked


def test_every_direct_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^    "([a-z0-9-]+(?:\[[a-z]+\])?)(?:[><=~!][^"]*)?",(.*)$', text, re.MULTILINE)
    wanted = PROJECT["dependencies"] + EXTRAS
    reasons = {n.partition("[")[0]: comment for n, comment in lines}
    missing = [r.name for r in map(Requirement, wanted) if not re.match(r" *# \S.{3,}", reasons.get(r.name, ""))]
    assert missing == []
