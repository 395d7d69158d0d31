"""Two hundred real kills of a process that appends and sequences: the log is whole after each, and holds all that was acknowledged (F03, F05)."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from idp.audit.verify import Bad
from idp.flows.log_memory import check, remembered
from idp.flows.log_verify import verify
from idp.flows.sequencer import catch_up, head, log_signer
from idp.records import Event, EventFacet
from tests.faults import sequencing
from tests.kit.house import House
from tests.kit.process import PATIENCE_S

pytestmark = pytest.mark.slow
KILLS = {"sqlite": 140, "postgres": 60}


def told(receive: Any) -> set[bytes]:
    """The ids that came through before the end."""
    ids: set[bytes] = set()
    try:
        while receive.poll(0):
            data = receive.recv_bytes()
            ids |= {data[i : i + 16] for i in range(0, len(data), 16)}
    except (EOFError, OSError):  # cut off in the middle of telling
        pass
    return ids


@pytest.fixture(scope="module")
def children() -> Any:
    """Forks of a small process that has loaded what is needed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.sequencing", "idp.store.postgres", "idp.store.sqlite"])
    return context


@pytest.mark.attack("A155", "F03", "F05")
def test_the_log_is_whole_after_every_kill(any_house: House, children: Any, clock: Any) -> None:
    """Single transactions and compare-and-swap: the tree is before a step or after it, never between"""
    house, acknowledged = any_house, set[bytes]()
    signer, moment = log_signer(house.parts), spread()
    kills = KILLS["postgres" if house.config.database_url.startswith("postgres") else "sqlite"]
    for _ in range(kills):
        receive, send = children.Pipe(duplex=False)
        child = children.Process(target=sequencing.work, args=(house.config, send), daemon=True)
        child.start()
        send.close()
        first = receive.poll(PATIENCE_S)
        assert first, "the process began"
        time.sleep(moment())
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        acknowledged |= told(receive)
        receive.close()
        check(house.parts, signer)
    catch_up(house.parts, signer, house.clock(), most=10**9)
    whole = verify(house.parts, signer, remembered=remembered(house.parts, signer))
    count = house.parts.store.count(Event)
    assert (whole.size, whole.waiting) == (count, 0)
    known = {e.id for e in pages(house)}
    assert acknowledged <= known and len(acknowledged) >= 3 * kills, "each told of its first batch at least"
    assert house.parts.store.count(EventFacet, {"facet": "id"}) == count


def spread() -> Callable[[], float]:
    """Moments from 1 to 40 ms that repeat in no short cycle."""
    at = 0

    def moment() -> float:
        nonlocal at
        at = (at * 7 + 11) % 4001
        return 0.001 + at / 100_000

    return moment


def pages(house: House) -> list[Event]:
    found: list[Event] = []
    from idp.ports import Op

    while rows := house.parts.store.find(Event, {"seq": Op(">", found[-1].seq if found else 0)}, order=("seq",)):
        found += rows
    return found


def test_the_check_would_see_a_torn_log(house: House) -> None:
    """What the test above relies on: a head without its tiles is no whole log"""
    from idp.ports import Delete
    from idp.records import TreeTile

    catch_up(house.parts, log_signer(house.parts), house.clock())
    assert head(house.parts).size
    house.parts.store.commit([Delete(TreeTile, {"level": 0, "n": 0})])
    with pytest.raises(Bad):
        check(house.parts, log_signer(house.parts))
