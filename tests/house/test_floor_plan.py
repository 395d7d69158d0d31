"""The floor plan: what stands where, how deep, and what each room says of itself."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, files, name, parsed, sources

FOLDERS = {"idp", "clients", "keys", "migrations", "tests", "docker", ".ci"}
FILES = {
    "README.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "requirements-test.lock",
    ".gitignore",
    ".gitattributes",
    ".dockerignore",
    "package.json",
    "package-lock.json",
}
TESTS = {
    "kit",
    "protocol",
    "clients",
    "keys",
    "audit",
    "ports",
    "web",
    "journeys",
    "attacks",
    "privacy",
    "browser",
    "house",
    "bench",
    "store",
    "flows",
    "authn",
    "release",
    "federation",
    "cli",
    "faults",
    "conformance",
    "third_party",
}
ROOMS = sorted({path.parent for path in sources() if path.name == "__init__.py"})


def test_the_root_holds_the_plans_folders_and_the_packaging_alone() -> None:
    first = {path.relative_to(ROOT).parts for path in files()}
    assert {parts[0] for parts in first if len(parts) > 1} <= FOLDERS
    assert {parts[0] for parts in first if len(parts) == 1} <= FILES


def test_the_tests_have_the_plans_rooms() -> None:
    rooms = {path.relative_to(ROOT).parts[1] for path in files() if path.relative_to(ROOT).parts[0] == "tests"}
    mirrored = {room.name for room in ROOMS if room.parent == ROOT / "idp"}
    assert {room for room in rooms if "." not in room} <= TESTS | mirrored


def test_packages_are_at_most_three_folders_deep() -> None:
    assert [name(room) for room in ROOMS if len(room.relative_to(ROOT).parts) > 3] == []


def test_every_module_stands_in_a_package() -> None:
    homeless = {name(p) for p in sources() if not (p.parent / "__init__.py").exists()}
    assert {p for p in homeless if not p.startswith(("migrations/", "idp/web/static/"))} == set()


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_a_package_opens_with_its_manifest(room: Path) -> None:
    """A room says what it owns, what it never does and who may call it; a part of a room says what it is."""
    text = (ast.get_docstring(parsed(room / "__init__.py")) or "").lower()
    inside_a_room = len(room.relative_to(ROOT).parts) > 2
    assert text.count(" ") >= 3
    assert inside_a_room or [word for word in ("own", "never", "call") if word not in text] == []


def test_the_four_packages_are_there() -> None:
    assert {name(room) for room in ROOMS} >= set(PACKAGES) - {"migrations"}
