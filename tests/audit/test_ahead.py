"""Which alerts a receiver is told before they have a leaf (DECISIONS 96)."""

import pytest

from idp.audit.ahead import AGAIN_US, PATIENCE_US, Waiting, due, pack, unpack

A, B = b"a" * 16, b"b" * 16
NOW = 10 * AGAIN_US


@pytest.mark.parametrize(
    ("waits", "told", "found"),
    [
        ({}, {}, []),
        ({A: Waiting(NOW)}, {}, []),
        ({A: Waiting(NOW - PATIENCE_US + 1)}, {}, []),
        ({A: Waiting(NOW - PATIENCE_US)}, {}, [A]),
        ({A: Waiting(NOW + 1)}, {}, [A]),
        ({A: Waiting(0), B: Waiting(1)}, {}, [A, B]),
        ({A: Waiting(0), B: Waiting(1)}, {A: NOW}, [B]),
        ({A: Waiting(0)}, {A: 0}, []),
        ({A: Waiting(0, again=True)}, {A: NOW - AGAIN_US + 1}, []),
        ({A: Waiting(0, again=True)}, {A: NOW - AGAIN_US}, [A]),
        ({A: Waiting(0, again=True)}, {A: NOW + 1}, [A]),
        ({}, {A: 0}, []),
    ],
)
def test_each_is_told_once_and_the_alarm_again(waits, told, found):
    assert due(waits, told, NOW) == found


@pytest.mark.parametrize("told", [{}, {A: 0}, {A: NOW, B: 2**62}])
def test_what_was_told_is_kept(told):
    assert unpack(pack(told)) == told


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_cut_line_is_left_out(cut):
    assert unpack(pack({A: 1, B: 2})[:-cut]) == {A: 1}
