"""Composition: the one place that picks implementations and puts the house together."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from clients.documents import KeyDirectory
from clients.outbound import GuardedOutbound, SteadyOutbound
from idp.authn.breached import BreachList
from idp.authn.hashing import ArgonHasher
from idp.caches import Catalogue, Clients, Generations, LiveRing, SeenKeys, SigningKeys
from idp.config import Config, ConfigError, load
from idp.flows.log_memory import alarmed
from idp.flows.provision import initialise
from idp.memory import open_memory
from idp.parts import Parts
from idp.ports import Clock, Entropy, Hasher, Keyring, Store, Volatile
from idp.records import PurposeKey
from idp.release.details import DetailKeys
from idp.release.vault import Vault
from idp.store.open import open_keyring, open_store, open_volatile
from idp.store.restoring import begin, bring_in, clear, finish, vacant
from idp.store.schema import KEYRING_LINEAGE, MAIN_LINEAGE, alone, current, head, unfinished, upgrade
from idp.web.access import Access
from idp.web.cors import cors_headers
from idp.web.edge import Edge, Operation
from idp.web.ops import (
    authorize,
    checkpoint,
    discovery,
    introspect,
    logout,
    par,
    register,
    revoke,
    static,
    token,
    userinfo,
)
from idp.web.pages.app import create_pages
from keys.backends import create_root, open_root, root_exists
from keys.ports import Sealer
from keys.purpose import PurposeRing

OPERATIONS = (authorize, checkpoint, discovery, introspect, logout, par, register, revoke, static, token, userinfo)

Application = Edge
"""What a server loads."""


def system_clock() -> int:
    """Microseconds since 1970 UTC: the only wall clock of the house."""
    return time.time_ns() // 1000


def open_parts(
    config: Config, *, clock: Clock = system_clock, entropy: Entropy = os.urandom, restoring: bool = False
) -> Parts:
    """Open every store and key; ``restoring``: although a restore has not ended.

    Raises ConfigError, keys.errors.KeysError or Unavailable with a text that says what to do."""
    _check_breach_list(config)
    with ExitStack() as opened:  # what is open is closed again where a later part refuses
        store = opened.enter_context(closing(open_store(config.database_url, restoring=restoring)))
        store.check()
        keyring = opened.enter_context(closing(open_keyring(config.keyring_url, restoring=restoring)))
        keyring.check()
        volatile = opened.enter_context(closing(open_volatile(config.volatile_url, clock)))
        hasher = opened.enter_context(
            closing(
                ArgonHasher(config.argon2_memory_kib, config.argon2_passes, config.hashing_threads, config.hash_queue)
            )
        )
        root = opened.enter_context(closing(open_root(config.keys_url)))
        parts = _parts(config, store, keyring, volatile, hasher, root, clock, entropy)
        opened.pop_all()
    return parts


def _parts(
    config: Config,
    store: Store,
    keyring: Keyring,
    volatile: Volatile,
    hasher: Hasher,
    root: Sealer,
    clock: Clock,
    entropy: Entropy,
) -> Parts:
    generations = Generations(store, clock)
    halted = (lambda: alarmed(generations)) if config.log_alarm == "stop" else None
    ring = LiveRing(root, store, generations, config.suite)
    outbound = GuardedOutbound(monotonic=time.monotonic, allow=config.outbound_allow, ca=config.outbound_ca or None)
    return Parts(
        config=config,
        clock=clock,
        entropy=entropy,
        store=store,
        keyring=keyring,
        volatile=volatile,
        ring=ring,
        keys=SigningKeys(store, generations, root, clock, config.jwks_max_age, config.session_max, halted),
        clients=Clients(store, generations),
        catalogue=Catalogue(store, generations),
        generations=generations,
        vault=Vault(ring, keyring, store, entropy, clock, DetailKeys(ring, keyring, entropy, clock)),
        hasher=hasher,
        outbound=outbound,
        registration_outbound=SteadyOutbound(outbound, monotonic=time.monotonic, sleep=time.sleep),
        client_keys=KeyDirectory(outbound, clock),
        log_memory=open_memory(config),
        seen_keys=SeenKeys(store, generations),
    )


def _check_breach_list(config: Config) -> None:
    """At start rather than at the first new password."""
    if not config.password_breached_file:
        return
    try:
        BreachList(config.password_breached_file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"IDP_PASSWORD_BREACHED_FILE can't be used: {error}") from error


def close_parts(parts: Parts) -> None:
    """Release connections and threads."""
    parts.ring.close()
    parts.hasher.close()
    parts.store.close()
    parts.keyring.close()
    parts.volatile.close()


def check_parts(config: Config) -> None:
    """Raise Unavailable or KeysError when a store does not answer, its schema is unknown, or the keys do not open."""
    parts = open_parts(config)
    try:
        check_open(parts)
    finally:
        close_parts(parts)


def check_open(parts: Parts) -> None:
    """As :func:`check_parts`, of parts that are open: what a probe asks every few seconds."""
    parts.store.check()
    parts.keyring.check()
    parts.volatile.check()
    _ = parts.keys.algorithms


def schema_state(config: Config) -> list[dict[str, str | None]]:
    """For each SQL store: the schema that is there and the one that this version needs."""
    pairs = ((config.database_url, MAIN_LINEAGE, "database"), (config.keyring_url, KEYRING_LINEAGE, "keyring"))
    return [
        {"store": n, "current": current(u, lineage=lineage), "needed": head(lineage=lineage)} for u, lineage, n in pairs
    ]


def prepare(
    config: Config, *, clock: Clock = system_clock, entropy: Entropy = os.urandom
) -> list[dict[str, str | None]]:
    """Bring both stores to this version's schema and make root, purpose and signing keys where there are none at all.

    Raises keys.errors.KeysError when the database knows keys but the root key is missing or another: a new one would orphan everything.
    """
    upgrade(config.database_url, lineage=MAIN_LINEAGE)
    upgrade(config.keyring_url, lineage=KEYRING_LINEAGE)
    with closing(open_store(config.database_url)) as store:
        rows = store.find(PurposeKey)
        if not rows and not root_exists(config.keys_url):
            create_root(config.keys_url, entropy).close()
        with closing(open_root(config.keys_url)) as root:
            initialise(store, root, entropy, clock)
            PurposeRing.open(root, store.find(PurposeKey))
    return schema_state(config)


def occupied(*urls: str) -> list[str]:
    """Which of these SQL stores hold something already, if only what an unfinished restore left. Raises Unavailable."""
    return [url for url in urls if not vacant(url)]


def emptied(*urls: str) -> None:
    """Take away what was just put into stores that were not occupied. Raises OSError, Unavailable."""
    for url in urls:
        clear(url)


begin_restore, load_copy, finish_restore = begin, bring_in, finish
"""In this order, on each store; in between a store is served by nobody (``store.restoring``)."""
alone_with, unfinished_restore = alone, unfinished


def create_app(config: Config, parts: Parts | None = None, *, log: Callable[[bytes], object] | None = None) -> Edge:
    """The WSGI application that is served: the edge over protocol operations and pages."""
    parts = parts or open_parts(config)
    table: dict[str, dict[str, Operation]] = {}
    for module in OPERATIONS:
        for path, methods in module.operations(parts).items():
            if path in table:
                raise AssertionError(f"{path} has two owners")
            table[path] = methods
    access = Access(parts.clock, every=config.log_level == "debug", write=log)
    return Edge(parts, table, create_pages(parts, access), access, cors_headers(parts))


def in_turn() -> None:
    """Threads that wake do not push aside the one that holds the interpreter's lock, only to wait for it: a tenth to a fifth of a request's CPU."""
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # threads begun later inherit it


def serve_factory() -> Edge:
    """What a server worker loads: configuration from the environment."""
    return create_app(load(os.environ))
