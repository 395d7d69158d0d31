"""The repository as the house tests see it: what is committed or would be."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("idp", "clients", "keys", "migrations")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return tuple(sorted(p for name in set(listed.split("\0")) if name and (p := ROOT / name).is_file()))


def name(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def sources(*under: str) -> list[Path]:
    """Python files below the given root folders (all four packages when none is given)."""
    roots = under or PACKAGES
    return [p for p in files() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in roots]


@cache
def text(path: Path) -> str:
    """What the file says."""
    return path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(text(path), str(path))


@cache
def statements(path: Path) -> tuple[ast.stmt, ...]:
    """Every statement of the file at any depth; expressions, nine tenths of a tree, are not walked."""
    found, todo = list[ast.stmt](), list[ast.AST]([parsed(path)])
    while todo:
        node = todo.pop()
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            below = getattr(node, part, ())
            todo += below
            found += (statement for statement in below if isinstance(statement, ast.stmt))
    return tuple(found)


def imports(path: Path) -> set[str]:
    """Full names that a file imports, at any depth of the file."""
    found = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found
