"""Networks that an address is found by, and what a search for one asks for."""

import pytest

from idp.audit.networks import EXACT, NEAR, WIDE, BadNetwork, labels, wanted


@pytest.mark.parametrize(
    ("typed", "size", "parts"),
    [
        ("203.0.113.7", EXACT, 1),
        (" 203.0.113.7/32 ", EXACT, 1),
        ("203.0.113.7/25", EXACT, 128),
        ("203.0.113.7/24", NEAR, 1),
        ("203.0.112.0/22", NEAR, 4),
        ("203.0.0.0/16", WIDE, 1),
        ("203.0.0.0/8", WIDE, 256),
        ("::ffff:203.0.113.7", EXACT, 1),
        ("2001:db8::7", EXACT, 1),
        ("2001:db8::7/120", EXACT, 256),
        ("2001:db8::/64", NEAR, 1),
        ("2001:db8::/56", NEAR, 256),
        ("2001:db8::/48", WIDE, 1),
        ("2001:db8::/40", WIDE, 256),
    ],
)
def test_a_network_is_searched_by_its_parts_of_one_size(typed: str, size: str, parts: int) -> None:
    found, network, asked = wanted(typed)
    assert (found, len(set(asked))) == (size, parts)
    inside = str(network[network.num_addresses // 2])
    assert labels(inside)[size] in asked


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "network"),
        ("example.com", "network"),
        ("203.0.113.7/33", "network"),
        ("203.0.113", "network"),
        ("1 OR 1=1", "network"),
        ("0.0.0.0/0", "too_wide"),
        ("203.0.113.7/7", "too_wide"),
        ("2001:db8::/32", "too_wide"),
        ("2001:db8::/55", "too_wide"),
        ("2001:db8::/119", "too_wide"),
    ],
)
def test_what_is_no_network_or_too_wide_is_refused(typed: str, word: str) -> None:
    with pytest.raises(BadNetwork) as refused:
        wanted(typed)
    assert refused.value.word == word


def test_networks_of_different_sizes_or_versions_never_share_a_label() -> None:
    seen = [*labels("203.0.113.0").values(), *labels("203.0.0.0").values(), *labels("2001:db8::").values()]
    assert len(set(seen)) == 8, "203.0.0.0/16 is the wide network of both"
    assert labels("::ffff:203.0.113.7") == labels("203.0.113.7")
    assert labels("") == labels("unix:") == {}
