"""Catalogue files: what is written is read again, and a bad file says why."""

import pytest

from idp.release import sheets
from idp.release.attributes import BUILT_IN
from idp.release.items import BadItem, read_entry, versioned
from tests.release.test_items import GOOD

ITEM = versioned(read_entry({**GOOD, "titles": {"zh": "=1+1", "en": "'quoted'"}}), "housing-fund", 3)


@pytest.mark.parametrize(("write", "form"), [(sheets.items_json, "json"), (sheets.items_csv, "csv")])
def test_items_come_back(write, form) -> None:
    (entry,) = sheets.read_items(write([ITEM]), form)
    assert versioned(entry, entry.department, 3) == ITEM


@pytest.mark.parametrize(("write", "form"), [(sheets.kinds_json, "json"), (sheets.kinds_csv, "csv")])
def test_attributes_come_back(write, form) -> None:
    assert sheets.read_kinds(write(BUILT_IN.values()), form) == tuple(BUILT_IN.values())


def test_a_spreadsheet_finds_no_formula() -> None:
    """A cell that begins like a formula is text (CWE-1236)."""
    written = sheets.items_csv([ITEM]).decode()
    assert "'=1+1" in written and ",=" not in written
    assert sheets.read_items(written.encode(), "csv")[0].titles["zh"] == "=1+1"


GOOD_CSV = sheets.items_csv([ITEM]).decode()


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"", "json"),
        (b"[]", "json"),
        (b'{"items": {}}', "json"),
        (b'{"items": [{}]}', "json"),
        (b'{"items": [1]}', "json"),
        (b"\xff", "json"),
        (b'{"items": [], "items": []}', "json"),
        (b'{"items": []} []', "json"),
        (b'{"items":' + b"[" * 5000, "json"),
        (b" " * (sheets.MAX_BYTES + 1), "json"),
        (b"", "csv"),
        (b"\xff\xfe", "csv"),
        (b"code,department\r\nx,y\r\n", "csv"),
        (GOOD_CSV.replace("365", "many").encode(), "csv"),
        (GOOD_CSV.replace("365", "36", 1).encode(), "csv"),
        (GOOD_CSV.replace(",yes,", ",perhaps,").encode(), "csv"),
        ((GOOD_CSV + "x,y\r\n").encode(), "csv"),
        ((GOOD_CSV + '"unclosed').encode(), "csv"),
    ],
)
def test_a_bad_file_says_why(data: bytes, form: str) -> None:
    with pytest.raises(BadItem) as error:
        sheets.read_items(data, form)
    assert str(error.value).endswith(".")


def test_a_code_twice_in_one_file() -> None:
    with pytest.raises(BadItem):
        sheets.read_items(sheets.items_json([ITEM, ITEM]), "json")


@pytest.mark.parametrize("member", ['"surprise": 1', '"type": "float"', '"names": []'])
def test_a_bad_attribute_says_why(member: str) -> None:
    document = '{"attributes": [{"code": "x", "claim": "x", "names": {"zh": "甲", "en": "A"}, ' + member + "}]}"
    with pytest.raises(BadItem):
        sheets.read_kinds(document.encode(), "json")
