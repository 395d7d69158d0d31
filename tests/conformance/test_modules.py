"""The table of published modules is honest: each names tests that are really collected, or says why there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.modules import PLANS, Module

HERE = Path(__file__).parent
ROWS = [
    pytest.param(mode, module, id=f"{plan.removesuffix('-certification-test-plan')}-{name}")
    for plan, (mode, modules) in PLANS.items()
    for name, module in modules.items()
]


@pytest.fixture(scope="session")
def collected() -> set[str]:
    """``file::function`` and ``file::function[parameters]`` of every test in this folder, collected anew however this run was narrowed."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(HERE)]
    listed = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=True).stdout
    tests = {line.rpartition(f"{HERE.name}/")[2] for line in listed.splitlines() if "::" in line}
    return tests | {test.partition("[")[0] for test in tests}


@pytest.mark.parametrize(("mode", "module"), ROWS)
def test_a_module_is_tested_or_says_why_not(collected: set[str], mode: str, module: Module) -> None:
    assert module.tests or module.note
    missing = {test for test in (t.replace("{mode}", mode) for t in module.tests) if test not in collected}
    assert missing == set()


def test_modes_of_plan_basic(collected: set[str]) -> None:
    """Every test of plan Basic runs in both response modes."""
    functions = {test for test in collected if test.startswith("test_basic.py::") and "[" not in test}
    for function in functions:
        modes = {
            test.partition("[")[2].strip("]").split("-")[0] for test in collected if test.startswith(function + "[")
        }
        assert modes == {"query", "form_post"}, function
