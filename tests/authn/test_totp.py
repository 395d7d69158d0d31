import re

import pytest

from idp.authn import totp
from keys.purpose import PurposeRing

RFC_SECRET = b"12345678901234567890"
SECOND = 1_000_000


@pytest.fixture
def ring() -> PurposeRing:
    return PurposeRing({"hash": 1}, {("hash", 1): bytes(32)})


# RFC 6238 appendix B, cut to six digits
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_vectors(seconds: int, code: str) -> None:
    step = seconds // 30
    assert totp.matching_step(RFC_SECRET, code, seconds * SECOND) == step
    assert totp.matching_step(RFC_SECRET, code, (seconds + 30) * SECOND) == step
    assert totp.matching_step(RFC_SECRET, code, (seconds + 60) * SECOND) is None
    assert totp.matching_step(RFC_SECRET, code, (seconds - 30) * SECOND) is None


@pytest.mark.parametrize("typed", ["287 082", " 287082 ", "287-082", "２８７０８２"])
def test_forgiven_spellings(typed: str) -> None:
    assert totp.matching_step(RFC_SECRET, typed, 59 * SECOND) == 1


@pytest.mark.parametrize(
    "typed", ["", "28708", "2870820", "28708a", "٢٨٧٠٨٢", "2870\x0082", "2" * 10_000, "-87082", "+87082"]
)
def test_what_is_no_code(typed: str) -> None:
    assert totp.matching_step(RFC_SECRET, typed, 59 * SECOND) is None


def test_uri_and_picture_hold_the_secret_and_a_masked_label(entropy) -> None:
    secret = totp.new_secret(entropy)
    address = totp.uri(secret, "l***@example.cn")
    assert len(secret) == 20
    assert address == f"otpauth://totp/Yimen:l%2A%2A%2A%40example.cn?secret={totp.base32(secret)}&issuer=Yimen"
    svg = totp.qr_svg(address)
    assert svg.startswith(b"<?xml") and b"<svg" in svg and b"script" not in svg
    assert totp.spoken(secret).replace(" ", "") == totp.base32(secret)


def test_recovery_codes(entropy, ring: PurposeRing) -> None:
    codes = totp.new_recovery_codes(entropy)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    stored = totp.recovery_hash(ring, b"a" * 16, codes[0])
    for typed in (codes[0], codes[0].lower(), codes[0].replace("-", " "), codes[0].replace("0", "o").replace("1", "l")):
        assert totp.recovery_matches(ring, b"a" * 16, typed, stored)
    for account, typed in ((b"b" * 16, codes[0]), (b"a" * 16, codes[1]), (b"a" * 16, ""), (b"a" * 16, "x" * 10_000)):
        assert not totp.recovery_matches(ring, account, typed, stored)
