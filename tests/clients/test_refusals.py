import pytest

from clients.redirects import Difference
from clients.refusals import redirect_refusal, refusal

REGISTERED = ["https://other.example/x", "https://tax.example/cb?tenant=1"]


def line(received: str, registered=REGISTERED):
    return redirect_refusal(
        at=1, code="invalid_request", reason="redirect_uri", received=received, registered=registered
    )


def test_the_least_unlike_registered_uri_stands_beside():
    made = line("https://tax.example/cb/?tenant=1")
    assert (made.received, made.registered) == ("https://tax.example/cb/?tenant=1", "https://tax.example/cb?tenant=1")
    assert made.difference is Difference.TRAILING_SLASH


def test_nothing_registered_gives_an_empty_side():
    assert line("https://tax.example/cb", []).registered == ""


@pytest.mark.parametrize(
    ("received", "kept"),
    [
        ("https://tax.example/cb?id=110101199003070000&x=1", "https://tax.example/cb?id=…&x=…"),
        ("https://tax.example/cb#access_token=planted", "https://tax.example/cb#…"),
        ("https://tax.example/cb?name=Li#name=Li", "https://tax.example/cb?name=…#…"),
        ("https://[broken", "https://[broken"),
    ],
)
def test_values_that_may_be_a_persons_are_left_out(received, kept):
    assert line(received).received == kept


def test_values_are_capped_and_printable():
    made = refusal(at=1, code="invalid_client", reason="x", received="a\r\n\u202e" + "b" * 500, registered="r" * 300)
    assert len(made.received) == 300
    assert made.received.isprintable()
    assert made.registered == "r" * 300
