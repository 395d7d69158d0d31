import pytest

from idp.authn import throttle
from idp.authn.throttle import Attempt, Throttled, enter, succeeded, undecided
from idp.ports import Volatile
from idp.store.open import open_volatile
from tests.kit.clock import FakeClock

WHO, BROWSER = b"a" * 16, b"b" * 32


@pytest.fixture
def volatile(tmp_path, clock: FakeClock):
    opened = open_volatile(f"sqlite:///{tmp_path}/volatile.db", clock)
    yield opened
    opened.close()


def fail(volatile: Volatile, times: int, **more) -> list[bool]:
    """Admitted or not, each try from an address of its own."""
    return [not isinstance(enter(volatile, WHO, f"10.0.{n // 250}.{n % 250}", **more), Throttled) for n in range(times)]


def test_five_free_then_one_each_delay(volatile: Volatile, clock: FakeClock) -> None:
    assert fail(volatile, 8) == [True] * 6 + [False] * 2
    clock.advance(3)
    assert fail(volatile, 2) == [True, False]
    refused = enter(volatile, WHO, "10.9.9.9")
    assert isinstance(refused, Throttled) and refused.rule == "account" and refused.retry_after_s == 8


def test_refused_tries_do_not_count(volatile: Volatile) -> None:
    fail(volatile, 200)
    assert volatile.bump("failures-account", WHO, throttle.ACCOUNT_WINDOW_S, 0) == 6


def test_success_begins_anew_and_half_a_success_does_not(volatile: Volatile) -> None:
    fail(volatile, 4)
    entered = enter(volatile, WHO, "10.1.1.1")
    assert isinstance(entered, Attempt)
    undecided(volatile, entered)
    assert fail(volatile, 3) == [True, True, False]
    entered = enter(volatile, WHO, "10.1.1.1", known=BROWSER)
    assert isinstance(entered, Attempt)
    volatile.several(succeeded(entered))
    assert fail(volatile, 1) == [False]
    throttle.clear(volatile, WHO)
    assert fail(volatile, 6) == [True] * 6


def test_a_right_password_clears_no_codes(volatile: Volatile) -> None:
    assert fail(volatile, 8, factor=True)[-1] is False
    throttle.clear(volatile, WHO)
    entered = enter(volatile, WHO, "10.1.1.1")
    assert isinstance(entered, Attempt)
    volatile.several(succeeded(entered))
    refused = enter(volatile, WHO, "10.1.1.1", factor=True)
    assert isinstance(refused, Throttled) and refused.rule == "factor"


def test_a_known_browser_has_a_counter_of_its_own(volatile: Volatile) -> None:
    fail(volatile, 20)
    assert fail(volatile, 7, known=BROWSER) == [True] * 6 + [False]


def test_an_address_is_bounded_over_accounts(volatile: Volatile, clock: FakeClock) -> None:
    def spray(n: int) -> bool:
        return not isinstance(enter(volatile, n.to_bytes(16, "big"), "10.0.0.1"), Throttled)

    admitted = [spray(n) for n in range(throttle.ADDRESS_TRIES + 5)]
    assert admitted == [True] * throttle.ADDRESS_TRIES + [False] * 5
    assert fail(volatile, 1) == [True]
    clock.advance(throttle.ADDRESS_WINDOW_S + 1)
    assert spray(1000)


def test_knowing_a_browser_ends_with_the_password(volatile: Volatile) -> None:
    volatile.several((throttle.remembering(BROWSER, WHO, 7),))
    assert throttle.is_known(volatile, BROWSER, WHO, 7)
    assert not throttle.is_known(volatile, BROWSER, WHO, 8)
    assert not throttle.is_known(volatile, BROWSER, b"c" * 16, 7)
    assert not throttle.is_known(volatile, b"d" * 32, WHO, 7)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "not an address", True),
    ],
)
def test_network(left: str, right: str, same: bool) -> None:
    assert (throttle.network(left) == throttle.network(right)) is same
