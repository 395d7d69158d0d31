"""No module needs itself to be loaded: what works only when something else was imported first fails in the first command that is not the server."""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.tree import ROOT, name, parsed, sources

MODULES = {name(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in sources()}


def needed(module: str) -> set[str]:
    """Modules of ours that are loaded while ``module`` is: imports outside functions, those for types alone left out."""
    found: set[str] = set()
    queue: list[ast.AST] = list(parsed(MODULES[module]).body)
    for node in queue:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= parts & MODULES.keys() or {node.module}
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            queue += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return (found & MODULES.keys()) - {module}


def test_modules_are_seen() -> None:
    assert "idp.flows.history" in MODULES and "idp.records" in needed("idp.flows.history")
    assert MODULES["idp.flows.history"] == (ROOT / "idp/flows/history.py")


def test_no_module_is_needed_by_what_it_needs() -> None:
    order = TopologicalSorter({module: needed(module) for module in MODULES})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))
