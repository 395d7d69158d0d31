import pytest

from idp.authn.assurance import acr, amr, stepped_up
from idp.authn.device import device_label


@pytest.mark.parametrize(
    ("proofs", "methods", "level"),
    [
        (("pwd",), "pwd", "urn:yimen:acr:1"),
        (("otp",), "otp", "urn:yimen:acr:1"),
        (("otp", "otp"), "otp", "urn:yimen:acr:1"),
        (("pwd", "otp"), "pwd otp mfa", "urn:yimen:acr:2"),
        (("otp", "pwd"), "pwd otp mfa", "urn:yimen:acr:2"),
        (("pwd", "mfa"), "pwd", "urn:yimen:acr:1"),
        (("hwk",), "", "urn:yimen:acr:1"),
    ],
)
@pytest.mark.attack("A128")
def test_nothing_stronger_than_proved(proofs: tuple[str, ...], methods: str, level: str) -> None:
    """amr and acr follow from the proofs alone (RFC 8176 §2)."""
    assert amr(proofs) == methods
    assert acr(methods) == level


def test_stepped_up() -> None:
    assert stepped_up("pwd") == "pwd otp mfa"
    assert stepped_up("pwd otp mfa") == "pwd otp mfa"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36 MicroMessenger/8.0", "WeChat on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8.0", "?"),
        (None, "?"),
        ("<script>" * 1000, "?"),
    ],
)
def test_device_label(agent: str | None, label: str) -> None:
    assert device_label(agent) == label
