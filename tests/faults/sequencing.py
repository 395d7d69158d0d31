"""A process that appends events and keeps the log until it is killed: what it says was committed must be there."""

import os
from multiprocessing.connection import Connection
from threading import Thread

from idp.app import open_parts
from idp.audit.events import ClientTokenIssued, record
from idp.config import Config
from idp.flows.log_keeper import LogKeeper
from idp.flows.sequencer import log_signer, step
from idp.parts import Parts
from idp.ports import Committed, Insert


def work(config: Config, told: Connection) -> None:
    """Until SIGKILL: commits tell their event's id through ``told``; steps of few events, so that each kill meets another place."""
    parts = open_parts(config)
    Thread(target=_append, args=(parts, told), daemon=True).start()
    signer, keeper = log_signer(parts), LogKeeper(parts, trouble=lambda _: None)
    while True:
        step(parts, signer, parts.clock(), limit=5)
        keeper.tick()


def _append(parts: Parts, told: Connection) -> None:
    while True:
        batch: list[Insert] = [
            record(ClientTokenIssued(client_id="c", scope="s"), at=parts.clock(), entropy=os.urandom) for _ in range(3)
        ]
        if isinstance(parts.store.commit(batch), Committed):
            told.send_bytes(b"".join(insert.record.id for insert in batch))  # type: ignore[attr-defined]
