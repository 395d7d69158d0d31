from ipaddress import ip_address

import pytest

from clients.addresses import AllowList, is_public, looks_public


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2400:3200::1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_ordinary_addresses_are_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_special_addresses_are_not(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("tax.example", True),
        ("8.8.8.8", True),
        ("[2400:3200::1]", True),
        ("localhost", False),
        ("a.localhost", False),
        ("printer.local", False),
        ("db.internal", False),
        ("127.0.0.1", False),
        ("[::1]", False),
    ],
)
def test_hosts_as_written(host, public):
    assert looks_public(host) is public


LIST = AllowList.of(["Tax.Internal", "10.1.0.0/16", "::1", "[fd00::]"])


@pytest.mark.parametrize(
    ("host", "address", "covered"),
    [
        ("tax.internal", "192.168.0.1", True),
        ("tax.internal", "127.0.0.1", True),
        ("tax.internal", "169.254.169.254", False),
        ("tax.internal", "fe80::1", False),
        ("tax.internal", "224.0.0.1", False),
        ("other.internal", "192.168.0.1", False),
        ("x", "10.1.2.3", True),
        ("x", "::ffff:10.1.2.3", True),
        ("x", "10.2.0.1", False),
        ("::1", "::1", True),
        ("x", "fd00::", True),
        ("x", "fd00::1", False),
    ],
)
def test_the_operators_list(host, address, covered):
    assert LIST.covers(host, ip_address(address)) is covered


def test_metadata_service_only_by_its_network():
    assert AllowList.of(["169.254.169.254"]).covers("x", ip_address("169.254.169.254"))
