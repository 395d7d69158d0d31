import hashlib
from itertools import combinations

import pytest

from clients.errors import ClientError
from clients.sectors import check_sector_document, sector_host, sector_id


def test_sector_id_is_the_first_half_of_a_hash_over_length_prefixed_parts():
    spelled = b"\x00\x00\x00\x0eyimen-sector/1" + b"\x00\x00\x00\x03tax" + b"\x00\x00\x00\x0btax.example"
    assert sector_id("tax", "tax.example") == hashlib.sha256(spelled).digest()[:16]


def test_sector_ids_differ_for_different_pairs():
    pairs = [("tax", None), ("tax", ""), ("tax", "a"), ("taxa", None), ("ta", "xa"), ("", "taxa"), ("b", "a")]
    assert all(sector_id(*one) != sector_id(*two) for one, two in combinations(pairs, 2))


def test_sector_host_is_the_host_without_its_port():
    assert sector_host("https://Tax.example:8443/s.json".lower()) == "tax.example"
    assert sector_host(None) is None


@pytest.mark.parametrize("uri", ["http://tax.example/s", "https:///s", "ftp://x/s", "javascript:alert(1)", "x"])
def test_sector_identifier_uri_is_https(uri):
    with pytest.raises(ClientError, match="invalid_client_metadata"):
        sector_host(uri)


def test_document_lists_every_redirect_uri():
    check_sector_document(b'["https://a.example/cb", "https://b.example/cb"]', ["https://b.example/cb"])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'"https://b.example/cb"',
        b"[1]",
        b"[",
        b"\xff\xfe",
        b'{"redirect_uris":["https://b.example/cb"]}',
        b'["https://b.example/cb/"]',
        b"[" * 100_000,
    ],
)
def test_other_documents_are_refused(document):
    with pytest.raises(ClientError, match="invalid_client_metadata"):
        check_sector_document(document, ["https://b.example/cb"])
