"""Stretches of the log in which times follow numbers: what is said of each holds, whatever the clocks did."""

from itertools import pairwise

import pytest

from idp.audit.stretches import END, MOST, SKEW, Stretch, reaching, seen
from tests.kit.clock import deterministic_entropy

SECOND, HOUR = 1_000_000, 3600 * 1_000_000


def steps(*seconds: float) -> list[tuple[int, int]]:
    return [(n, 10 * HOUR + int(at * SECOND)) for n, at in enumerate(seconds, 1)]


def test_times_that_go_up_but_for_a_little_are_one_stretch() -> None:
    """Requests last, and clocks of nodes differ by seconds"""
    events = steps(0, 5, 3, 40, 10, 70, 11)
    assert seen((), events, 0) == (Stretch(0, events[0][1], events[5][1]),)


def test_a_clock_that_is_set_back_begins_another() -> None:
    events = steps(0, 100, 7200, 100, 101, 7300)
    first, second = seen((), events, 0)
    assert first == Stretch(0, events[0][1], events[2][1])
    assert second == Stretch(4, events[3][1], events[5][1])


def test_a_glimpse_of_tomorrow_is_a_stretch_and_what_follows_is_one() -> None:
    """What comes after is not looked for together with what was before"""
    found = seen((), steps(0, 1, 86_400, *range(2, 500)), 0)
    assert [stretch.seq for stretch in found] == [0, 4]


def test_two_clocks_far_apart_become_one_less_exact_stretch() -> None:
    found = seen((), steps(*(n + 300 * (n % 2) for n in range(5000))), 0)
    assert len(found) <= MOST and found[-1].fall >= 299 * SECOND


def test_it_goes_on_where_it_was() -> None:
    """In batches as at once"""
    events = steps(0, 7200, 100, 50, 9000, 8990, 1)
    for cut in range(len(events)):
        held = seen((), events[:cut], 0)
        assert seen(held, events[cut:], cut) == seen((), events, 0)


def test_what_committed_late_belongs_to_its_number() -> None:
    events = steps(0, 100, 7200, 100, 101, 7300)
    held = seen((), [event for event in events if event[0] != 2], 0)
    assert seen(held, [events[1]], 6) == (held[0].__class__(0, events[0][1], events[2][1], 7100 * SECOND), held[1])


@pytest.mark.parametrize("seed", range(40))
def test_what_is_said_of_a_stretch_holds(seed: int) -> None:
    """Every event lies in the times of its stretch; none is earlier than one before it by more than it says"""
    entropy = deterministic_entropy(f"clocks {seed}")

    def below(most: int) -> int:
        return int.from_bytes(entropy(8)) % most

    now, events = 100 * HOUR, list[tuple[int, int]]()
    offsets = [0, *([0, SECOND, 90 * SECOND, HOUR][below(4)] for _ in range(seed % 3))]
    for n in range(1, 600):
        now += below(5 * SECOND)
        if below(50) < seed % 5:
            now += (-1) ** below(2) * below(3 * HOUR)
        events.append((n, now + offsets[below(len(offsets))]))
    held, last = tuple[Stretch, ...](), 0
    while events[last:]:
        step = 1 + below(90)
        held, last = seen(held, events[last : last + step], last), min(last + step, len(events))
    assert len(held) <= MOST and held[0].seq == 0 and all(a.seq < b.seq for a, b in pairwise(held))
    for stretch, end in reaching(held, 0, END):
        own = [at for n, at in events if stretch.seq <= n < end]
        high = 0
        for at in own:
            assert stretch.low <= at <= stretch.high and high - at <= stretch.fall
            high = max(high, at)
    since, until = 100 * HOUR + SKEW, 100 * HOUR + 20 * SKEW
    wanted = {n for n, at in events if since <= at < until}
    assert wanted <= {n for stretch, end in reaching(held, since, until) for n in range(stretch.seq, min(end, 600))}
