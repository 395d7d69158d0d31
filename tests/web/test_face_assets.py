"""Static files: vendored bytes as published (but for font and crest), names by content, nothing else served."""

import hashlib
import re
from pathlib import Path

import pytest

from idp.web.theme import asset, static_file
from idp.web.theme.assets import ROOT, read_tree

VENDORED = sorted((ROOT / "vendor").glob("*-*/"))


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_every_vendored_file_is_the_one_of_the_manifest(folder: Path) -> None:
    lines = [line.split("  ") for line in (folder / "MANIFEST.sha256").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    present = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    del present["MANIFEST.sha256"]
    assert present == listed
    assert "LICENSE" in listed


def test_no_licensed_font_no_crest_no_outside_address_in_stylesheets() -> None:
    for path in ROOT.rglob("*.css"):
        text = path.read_text()
        assert not re.search(r"GDS Transport|crest|@font-face|@import|url\(", text), path.name
        assert text.count("{") == text.count("}"), path.name


def test_the_vendored_version_is_the_one_that_the_macros_mirror() -> None:
    """govuk-frontend-jinja 4.1 says 6.3.0; another pair may render classes that the stylesheet does not know."""
    (folder,) = VENDORED
    assert '--govuk-frontend-version:"6.3.0"' in (folder / "govuk-frontend.min.css").read_text()


def test_an_asset_is_served_under_its_url_and_no_other() -> None:
    url = asset("yimen.css")
    found = static_file(url)
    assert found is not None
    assert found.body == (ROOT / "yimen.css").read_bytes()
    assert (found.content_type, found.etag[0], found.etag[-1]) == ("text/css; charset=utf-8", '"', '"')
    with pytest.raises(KeyError):
        asset("yimen.ccs")


PREFIX = asset("mark.svg").removesuffix("mark.svg")


@pytest.mark.parametrize(
    "path",
    [
        "/static/yimen.css",
        "/static/0000000000000000/yimen.css",
        PREFIX,
        PREFIX + "nothing.css",
        PREFIX + "../templates/base.html",
        PREFIX + "vendor/refresh.py",
        PREFIX + "vendor/govuk-frontend-6.3.0/LICENSE",
        PREFIX + "//etc/passwd",
        PREFIX + "yimen.css\x00",
        "",
    ],
)
def test_other_paths_find_nothing(path: str) -> None:
    assert static_file(path) is None


def test_one_changed_byte_changes_every_url(tmp_path: Path) -> None:
    """A module imports its neighbour by a relative path, so the hash has to stand for the whole tree."""
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "b.js").write_text("2")
    before = read_tree(tmp_path)
    (tmp_path / "b.js").write_text("3")
    after = read_tree(tmp_path)
    assert before.digest != after.digest
    assert before.files["a.js"] == after.files["a.js"] and before.files["b.js"].etag != after.files["b.js"].etag
