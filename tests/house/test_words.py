"""The repository speaks of the product alone: no machine's paths, no registry's host, no note to self."""

import re

import pytest

from tests.house.tree import files, name

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.-])/work/(?:main|shared)|/tmp/brief|(?<![\w.-])/root/|(?<![\w.-])/home/[a-z]",
    "a registry's host": r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|proxy\.golang\.org|crates\.io",
    "a note to self": r"\b(?:TODO|FIXME|XXX)\b",
    "how it was made": r"(?i)\b(?:claude|anthropic|openai|chatgpt|language model)\b",
    "a leftover of a merge": r"(?m)^(?:<<<<<<<|>>>>>>>) ",
    "a secret key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}",
}
SPARED = ("idp/web/static/vendor/", "tests/house/test_words.py")
"""Vendored files keep their own words; this file names what it looks for."""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_text_holds(what: str) -> None:
    pattern, found = re.compile(FORBIDDEN[what]), []
    for path in files():
        if name(path).startswith(SPARED):
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{name(path)}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}" for m in pattern.finditer(text)]
    assert found == []


SAMPLES = ["/work/main/x", "https://pypi.org/simple", "# TODO later", "Claude", "<<<<<<< HEAD"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_patterns_find_what_they_name(sample: str) -> None:
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, sample)] != []


@pytest.mark.parametrize("innocent", ["the framework/main part", "/workers/main", "crate", "homepage/home/", "XXXL"])
def test_the_patterns_leave_plain_words_alone(innocent: str) -> None:
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, innocent)] == []
