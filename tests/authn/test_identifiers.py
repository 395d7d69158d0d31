import pytest

from idp.authn.identifiers import BadIdentifier, Identifier, canonical, masked, masked_apart


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("li.wei", "username", "li.wei"),
        ("  Li.Wei ", "username", "li.wei"),
        ("\u5f20\u654f", "username", "\u5f20\u654f"),
        ("\uff2c\uff29.wei", "username", "li.wei"),
        ("Li@Example.CN", "email", "li@example.cn"),
        ("li\uff20example.cn", "email", "li@example.cn"),
        ("li@example.cn.", "email", "li@example.cn"),
        ("li+tax@example.cn", "email", "li+tax@example.cn"),
        ("li@b\u00fccher.example", "email", "li@xn--bcher-kva.example"),
        ("li@B\u00dcCHER.example", "email", "li@xn--bcher-kva.example"),
        ("li@xn--bcher-kva.example", "email", "li@xn--bcher-kva.example"),
        ("li@\u4f8b\u5b50\u3002\u4e2d\u56fd", "email", "li@xn--fsqu00a.xn--fiqs8s"),
        ("\u212aelvin@example.cn", "email", "kelvin@example.cn"),
        ("\u5f20\u4e09@example.cn", "email", "\u5f20\u4e09@example.cn"),
        ("13800138000", "phone", "+8613800138000"),
        ("138 0013 8000", "phone", "+8613800138000"),
        ("138-0013-8000", "phone", "+8613800138000"),
        ("+86 138 0013 8000", "phone", "+8613800138000"),
        ("8613800138000", "phone", "+8613800138000"),
        ("008613800138000", "phone", "+8613800138000"),
        ("\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10", "phone", "+8613800138000"),
        ("+85291234567", "phone", "+85291234567"),
        ("+1 (415) 555-2671", "phone", "+14155552671"),
    ],
)
@pytest.mark.attack("A114")
def test_one_canonical_key(typed: str, kind: str, value: str) -> None:
    """Spellings of one identifier meet in one key (RFC 8265 §3, RFC 5891, E.164)."""
    found = canonical(typed)
    assert (found.kind, found.canonical) == (kind, value)
    assert canonical(found.canonical) == found


@pytest.mark.parametrize(
    "typed",
    [
        "", "   ", "a@b@c", "a@b", "@example.cn", "a@", "a@example..cn", ".a@example.cn", "a.@example.cn", "a..b@example.cn",
        "a b@example.cn", '"a"@example.cn', "a@[127.0.0.1]", "a@127.0.0.1", "a,b@example.cn", "a@example.cn,b@example.cn",
        "a@example.cn;b@example.cn", "a@example.cn\r\nBcc: b@example.cn", "li\u200bwei", "li\u200d@example.cn", "\u202eli@example.cn",
        "li\u00ad@example.cn", "li\x00wei", "\u3164\u3164\u3164", "li@exa_mple.cn", "a" * 65 + "@example.cn", "x" * 300,
        "li@" + "a" * 64 + ".cn", "12345", "1234567890", "+8612345678", "+86 010 6655 4433", "+0123456789", "li..wei", ".li", "li.", "l\u0131.wei",
        "-li", "li wei", "\ud800li", "\ue000li",
    ],
)  # fmt: skip
@pytest.mark.attack("A114", "A119")
def test_not_an_identifier(typed: str) -> None:
    """Several addresses, invisible characters and half addresses are no identifier (RFC 5322 §3.4.1, RFC 8264 §9.17)."""
    with pytest.raises(BadIdentifier) as caught:
        canonical(typed)
    assert typed.strip()[:3] not in str(caught.value) or len(typed.strip()) < 3


def test_dotless_i_is_another_address() -> None:
    assert canonical("m\u0131ke@example.cn") != canonical("mike@example.cn")


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        (Identifier("email", "li.wei@example.cn"), "l***@example.cn"),
        (Identifier("phone", "+8613800138000"), "+86138****8000"),
        (Identifier("phone", "+85291234567"), "+852****4567"),
        (Identifier("username", "li.wei"), "l***i"),
        (Identifier("username", "bo"), "b***"),
        (Identifier("username", "b"), "***"),
        (Identifier("email", "b@example.cn"), "***@example.cn"),
        (canonical("li.wei@例子.中国"), "l***@例子.中国"),
        (canonical("li.wei@аррӏе.com"), "l***@xn--80ak6aa92e.com"),
    ],
)
def test_masked(identifier: Identifier, shown: str) -> None:
    assert masked(identifier) == shown
    assert identifier.canonical not in repr(identifier)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["li.wei@example.cn"], ["l***@example.cn"]),
        (["li.wei@example.cn", "zhang@example.cn"], ["l***@example.cn", "z***@example.cn"]),
        (["li.wei@example.cn", "li.wei@other.cn"], ["l***@example.cn", "l***@other.cn"]),
        (
            ["li.wei@example.cn", "liu@example.cn", "li.wu@example.cn"],
            ["li.we***@example.cn", "liu***@example.cn", "li.wu***@example.cn"],
        ),
        (["li@example.cn", "li.wei@example.cn"], ["li***@example.cn", "li.***@example.cn"]),
        (["li.wei@例子.中国", "li@例子.中国"], ["li.***@例子.中国", "li***@例子.中国"]),
        (["li.wei", "13800138000", "lin.wei"], ["l***i", "+86138****8000", "l***i"]),
    ],
)
def test_one_owners_addresses_are_told_apart(names: list[str], shown: list[str]) -> None:
    assert masked_apart([canonical(name) for name in names]) == shown
