"""What is installed without a checkout: a wheel holds every file that the packages need, and pages are served from it."""

import os
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, name

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
PACKAGES = ("idp", "clients", "keys", "migrations")
LEFT_OUT = {"idp/DECISIONS.md"}
"""Read by people who work on the house."""

SERVE = """
import sys
from pathlib import Path
from werkzeug.test import Client
import idp
from idp.app import create_app, open_parts, prepare
from tests_config import config
assert Path(idp.__file__).is_relative_to(Path.cwd()), idp.__file__
prepare(config)
browser = Client(create_app(config, open_parts(config)))
for path in ("/", "/sign-in", "/nowhere", "/services", "/.well-known/openid-configuration"):
    answer = browser.get(path, base_url=config.issuer)
    print(path, answer.status_code)
"""
CONFIG = """
from pathlib import Path
from idp.config import Config
here = Path.cwd() / "data"
here.mkdir()
config = Config(
    issuer="http://localhost:8000",
    database_url=f"sqlite:///{here}/main.db",
    keyring_url=f"sqlite:///{here}/keyring.db",
    volatile_url=f"sqlite:///{here}/volatile.db",
    keys_url=f"file://{here}/keys",
)
"""


def packaged(path: str) -> bool:
    """Whether setuptools takes a file along: Python of a package, or named by ``package-data``. A folder whose name is no identifier is none."""
    folder, _, last = path.rpartition("/")
    parts = folder.split("/")
    data: dict[str, list[str]] = SETTINGS["package-data"]
    if all(part.isidentifier() for part in parts):
        return last.endswith(".py") or any(fnmatch(last, pattern) for pattern in data["*"])
    for package, patterns in data.items():
        root = package.replace(".", "/") + "/"
        if package != "*" and path.startswith(root):
            rest = path.removeprefix(root)
            if any(rest.count("/") == pattern.count("/") and fnmatch(rest, pattern) for pattern in patterns):
                return True
    return False


def needed() -> list[str]:
    return [name(p) for p in files() if name(p).split("/")[0] in PACKAGES and name(p) not in LEFT_OUT]


def test_a_wheel_holds_every_file() -> None:
    assert [path for path in needed() if not packaged(path)] == []
    assert {pattern.rstrip("*") for pattern in SETTINGS["packages"]["find"]["include"]} == set(PACKAGES)


@pytest.mark.parametrize(
    "path", ["idp/DECISIONS.md", "idp/web/static/a.b/x/y/z.css", "idp/web/static/vendor/a.b/c/d.css"]
)
def test_what_it_would_not_hold(path: str) -> None:
    assert not packaged(path)


@pytest.mark.slow
def test_pages_are_served_from_it(tmp_path: Path) -> None:
    """A folder with just those files, outside the checkout: migrations, templates, both languages and styles are found."""
    for path in needed():
        if packaged(path):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, tmp_path / path)
    (tmp_path / "tests_config.py").write_text(CONFIG, encoding="utf-8")
    plain = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    ran = subprocess.run(
        [sys.executable, "-c", SERVE],
        cwd=tmp_path,
        env={**plain, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "/ 200" in ran.stdout and "/nowhere 404" in ran.stdout and " 500" not in ran.stdout
