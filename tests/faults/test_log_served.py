"""The log as the running product keeps it: within a second of the commit, measured, one leader after another, and shown to receivers."""

import os
import signal
from typing import Any

import msgspec
import pytest

from idp.audit import note
from idp.flows.log_verify import verify
from idp.flows.sequencer import head, log_signer
from idp.records import Event, TreeHead
from tests.faults.conftest import BACKENDS
from tests.faults.ground import Served
from tests.kit.process import wait_until

pytestmark = pytest.mark.slow


def sequenced(served: Served) -> bool:
    return head(served.parts).size == served.parts.store.count(Event)


@pytest.mark.parametrize("backend", BACKENDS)
def test_events_are_in_the_tree_soon_and_what_is_seen_of_it_is_measured(make_served: Any, backend: str) -> None:
    """Within one second of the commit on a quiet machine; the slack is for a busy one"""
    served: Served = make_served(backend)
    app = served.machine()
    served.start(1)
    wait_until(lambda: sequenced(served), "the first leaves")
    began = head(served.parts).size
    assert served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 200
    wait_until(lambda: head(served.parts).size > began, "the token's leaf")
    text = served.manage("/metrics").text
    for name in ("sequence_lag", "checkpoint_age_seconds", "tree_size", "alarm"):
        assert f"\nidp_audit_{name} " in text
    assert "\nidp_audit_alarm 0.0" in text
    assert served.health()[1]["log"] == "ok"
    signed = served.request("GET", "/log/checkpoint").text
    note.opened(signed, served.config.log_name, log_signer(served.parts).verifiers)


def test_the_next_worker_goes_on_where_a_killed_one_was(make_served: Any) -> None:
    """One leader by lock; the kernel frees it at death"""
    served: Served = make_served()
    app = served.machine()
    served.start(1)
    for _ in range(4):
        wait_until(lambda: sequenced(served), "the leaves")
        for _ in range(5):
            served.as_client(app, "/token", {"grant_type": "client_credentials"})
        for pid in served.server.of("worker"):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: sequenced(served), "the last leaves")
    whole = verify(served.parts, log_signer(served.parts))
    assert whole.waiting == 0 and whole.size > 20


@pytest.mark.attack("A155", "F28")
def test_rows_deleted_under_the_running_product_stop_issuing(make_served: Any) -> None:
    """The alarm is heard by every process, health tells it and keeps the node, and the operator's word ends it"""
    import sqlite3

    served: Served = make_served()
    app = served.machine()
    served.start(1)
    wait_until(lambda: sequenced(served), "the first leaves")
    with sqlite3.connect(served.config.database_url.removeprefix("sqlite:///")) as file:
        file.execute("DELETE FROM events WHERE seq > (SELECT max(seq) - 3 FROM events)")
    file.close()
    wait_until(lambda: served.health()[1].get("log") == "alarm", "the alarm")
    wait_until(lambda: _token(served, app) == 503, "the end of issuing")
    wait_until(lambda: "ALARM" in served.server.output(), "its line")
    assert served.health()[0] == 200, (
        "every node has the alarm: pages and the console must still be reached (DECISIONS 100)"
    )
    assert "\nidp_audit_alarm 1.0" in served.manage("/metrics").text
    served.idp("audit", "accept", "--reason", "lost", "--yes")
    wait_until(lambda: _token(served, app) == 200, "issuing again")
    wait_until(lambda: served.health() == (200, {**served.health()[1], "log": "ok"}), "health")


def test_checkpoints_go_to_a_file(make_served: Any, tmp_path: Any) -> None:
    """A copy that whoever owns the database does not own"""
    file = tmp_path / "offsite"
    served: Served = make_served(log_receivers=(f"file://{file}",))
    served.start(1)
    wait_until(lambda: file.exists() and file.read_text().endswith("\n\n"), "a checkpoint")
    first = file.read_text().rstrip("\n") + "\n"
    note.opened(first, served.config.log_name, log_signer(served.parts).verifiers)


def test_events_and_alerts_leave_for_who_watches(make_served: Any, tmp_path: Any) -> None:
    """A sink gets every event, whoever hears of alerts the alert alone"""
    events, alerts = tmp_path / "events.jsonl", tmp_path / "alerts.jsonl"
    served: Served = make_served(log_sinks=(f"file://{events}",), log_alerts_to=(f"file://{alerts}",))
    served.start(1)
    wait_until(lambda: sequenced(served) and events.exists(), "the first events")
    wait_until(lambda: served.parts.store.one(TreeHead, name="alerts") is not None, "the watch")
    served.idp("audit", "export", "--out", str(tmp_path / "log.zip"))
    wait_until(lambda: alerts.exists() and alerts.read_text().endswith("\n"), "the alert")
    (told,) = [msgspec.json.decode(line) for line in alerts.read_text().splitlines()]
    assert (told["kind"], told["rule"]) == ("alert.raised", "log-taken-away")
    wait_until(lambda: "ALERT low: log-taken-away" in served.server.output(), "its line")
    wait_until(lambda: len(events.read_text().splitlines()) == served.parts.store.count(Event), "every event")
    open_now = served.idp("alerts", "list")
    served.idp("alerts", "ack", open_now[0]["id"], "--as", "harmless")
    wait_until(lambda: served.idp("alerts", "list") == [], "the acknowledgement")


def _token(served: Served, app: Any) -> int:
    return served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code
