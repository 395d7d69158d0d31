"""Small files, small functions; what is larger has a reason here."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import name, sources, statements, text

FILE_LINES, FUNCTION_LINES = 450, 90
REASONS: dict[str, tuple[int, str]] = {
    "migrations/versions/0001_first.py::sessions_and_grants": (
        110,
        "tables as they stand, column by column, in reading order",
    ),
    "idp/records.py": (600, "every row that is kept, field for field, in one place to be read beside the tables"),
    "idp/audit/events.py": (600, "the closed vocabulary in one list, so that no fact is told under two names"),
    "tests/attacks/": (900, "a topic's attacks in one table, to be read beside the catalogue row by row"),
    "tests/kit/house.py": (600, "a house with every journey's first steps, so that a test names only what it is about"),
}
"""``folder/``, ``path`` or ``path::function`` → (limit, why one piece reads better than two)."""

PARTS = ("idp", "clients", "keys", "migrations", "tests")


def functions(path: Path) -> dict[str, int]:
    """Function → lines from ``def`` to its end, without its docstring."""
    found = {}
    for node in statements(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node) else None
            told = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            found[f"{name(path)}::{node.name}"] = (node.end_lineno or node.lineno) - node.lineno + 1 - told
    return found


@cache
def lengths() -> dict[str, tuple[int, int]]:
    """Everything measured → (lines, common limit)."""
    measured = {}
    for path in sources(*PARTS):
        measured[name(path)] = (len(text(path).splitlines()), FILE_LINES)
        if measured[name(path)][0] > FUNCTION_LINES:  # no function is longer than its file
            measured |= {function: (lines, FUNCTION_LINES) for function, lines in functions(path).items()}
    return measured


def reason(what: str) -> str:
    """The entry that speaks for what was measured: its own, or for a file its folder's."""
    folder = what.rpartition("/")[0] + "/"
    return folder if what not in REASONS and "::" not in what and folder in REASONS else what


def test_what_is_large_has_a_reason() -> None:
    measured = lengths().items()
    over = {what: n for what, (n, limit) in measured if n > REASONS.get(reason(what), (limit, ""))[0]}
    assert over == {}, "split it, or say in REASONS why it is one piece"


def test_no_reason_outlives_its_file() -> None:
    needed = {reason(what) for what, (n, limit) in lengths().items() if n > limit}
    assert set(REASONS) - needed == set()


@pytest.mark.parametrize(("limit", "why"), REASONS.values(), ids=list(REASONS))
def test_a_reason_is_a_sentence(limit: int, why: str) -> None:
    assert limit > FUNCTION_LINES
    assert len(why.split()) >= 4, why
