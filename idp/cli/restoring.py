"""How a copy comes back: into empty stores only, checked row by row, with everything that could have been revoked since ended."""

import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from idp.app import (
    alone_with,
    begin_restore,
    close_parts,
    emptied,
    finish_restore,
    load_copy,
    occupied,
    open_parts,
    unfinished_restore,
)
from idp.audit.fitting import fits
from idp.audit.verify import Bad
from idp.cli.common import progress_bar
from idp.config import Config
from idp.flows import log_accepted
from idp.flows.keyless import MEANING, People, people
from idp.flows.log_accepted import Spoilt, words
from idp.flows.log_memory import check
from idp.flows.log_reading import place_of
from idp.flows.log_verify import FIRST, Progress
from idp.flows.restored import end_again_all
from idp.flows.sequencer import log_signer, named
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event

PAGE = 1000
EMPTY = "Give an empty one: rename it (ALTER DATABASE … RENAME TO …) or drop it (DROP DATABASE), then CREATE DATABASE with the same owner"


def verify_copy(config: Config, main: Path, ring: Path, *, quiet: bool = True) -> dict[str, Any]:
    """Open a throw-away copy with the present root key and read everything that can be checked, with a bar unless ``quiet``. Raises
    ClickException."""
    if config.database_url.startswith("postgresql"):
        if _listed(ring) < _listed(main):
            raise click.ClickException(
                f"the keyring's copy is older than the database's ({main.name}): people who came between have no key in it; bring the newer copy"
            )
        return {
            "copy": main.name,
            "looked_at": "both archives can be read, and the keyring's is not older than the database's",
            "not_looked_at": "the rows: whether events are as they were written and people's keys open. To know it, restore into a spare database "
            "(IDP_DATABASE_URL and IDP_KEYRING_URL of empty ones)",
        }
    with tempfile.TemporaryDirectory(prefix="yimen-verify-") as folder:
        for source, name in ((main, "main.db"), (ring, "keyring.db")):
            shutil.copyfile(source, Path(folder) / name)
        trial = replace(
            config,
            database_url=f"sqlite:///{folder}/main.db",
            keyring_url=f"sqlite:///{folder}/keyring.db",
            volatile_url=f"sqlite:///{folder}/volatile.db",
        )
        parts = open_parts(trial)
        try:
            return {"copy": main.name, **_read_all(parts, quiet)}
        finally:
            close_parts(parts)


def bring_back(
    config: Config, main: Path, ring: Path | None, *, accepted: bool = False, quiet: bool = True
) -> dict[str, Any]:
    """Restore both stores, check them, end every session and grant, forget again whom the keyring forgot. ``ring`` None: the keyring stays as it is,
    and the main database alone comes back beside it. ``accepted``: although people in it have no key that opens; ``quiet``: without a bar.

    Raises ClickException when a store is not empty, before anything is written; whatever fails later leaves the stores as they were.
    SQLite's files get their names last, PostgreSQL's databases are marked until the end, the keyring's before the main one's, so that nobody can
    serve a copy in which nothing was ended. What a restore that was killed left is taken away first.
    """
    with alone_with(config.database_url):
        return _bring_back(config, main, ring, accepted, quiet)


def _bring_back(config: Config, main: Path, ring: Path | None, accepted: bool, quiet: bool) -> dict[str, Any]:
    copies = ({} if ring is None else {config.keyring_url: ring}) | {config.database_url: main}
    _refuse_occupied(config, list(copies))
    put = {url: _aside(url) for url in copies}
    aside = replace(
        config, database_url=put[config.database_url], keyring_url=put.get(config.keyring_url, config.keyring_url)
    )
    mine = list[str]()
    try:
        for url in reversed(
            copies
        ):  # the database's first: nobody takes an empty one beside the keyring for a new house
            mine.append(put[url])
            begin_restore(put[url])
        for url, copy in copies.items():
            _put(put[url], copy)
        report = _finished(aside, accepted, quiet)
        for url in copies:
            _name(put[url], url)
            mine.append(url)
    except BaseException:
        emptied(*mine)
        raise
    return {"copy": main.name, "keyring": "kept as it was" if ring is None else ring.name, **report}


def _finished(config: Config, accepted: bool, quiet: bool) -> dict[str, Any]:
    parts = open_parts(config, restoring=True)
    try:
        return {**_read_all(parts, quiet, accepted), **end_again_all(parts), "log": _log(parts)}
    finally:
        close_parts(parts)


def _refuse_occupied(config: Config, urls: list[str]) -> None:
    there = [url for url in occupied(*urls) if not unfinished_restore(url)]
    if config.database_url in there:
        raise click.ClickException(
            f"{config.database_url.removeprefix('sqlite:///')} exists, or what SQLite keeps beside it (-wal, -shm); "
            "move it away first, a restore never overwrites"
            if config.database_url.startswith("sqlite:///")
            else f"the database of IDP_DATABASE_URL is not empty; a restore never overwrites. {EMPTY}"
        )
    if there:
        raise click.ClickException(
            f"{_shown(config.keyring_url, 'the keyring')} exists; a restore never overwrites. If it is the living one, the newest there is, "
            "say --keep-keyring: the main database alone comes back. "
            + ("Else move it away first" if config.keyring_url.startswith("sqlite:///") else f"Else: {EMPTY}")
        )
    if config.keyring_url not in urls and not occupied(config.keyring_url):
        raise click.ClickException("there is no keyring to keep; leave --keep-keyring out to bring back its copy")
    if config.keyring_url not in urls and unfinished_restore(config.keyring_url):
        raise click.ClickException(
            "the keyring is what a restore that has not ended left; leave --keep-keyring out to bring back its copy"
        )


def _shown(url: str, name: str) -> str:
    """A file by its path; a server's URL may hold a password."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else name


def _aside(url: str) -> str:
    """Where a copy is made ready; in PostgreSQL that is its place."""
    return f"{url}.restoring" if url.startswith("sqlite:///") else url


def _name(aside: str, url: str) -> None:
    if aside == url:
        finish_restore(url)
        return
    made, target = (Path(u.removeprefix("sqlite:///")) for u in (aside, url))
    with closing(sqlite3.connect(made)) as last:  # whoever closes last leaves everything in the one file
        last.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if occupied(url):
        raise click.ClickException(f"{target} was made meanwhile; a restore never overwrites")
    made.rename(target)


def _log(parts: Parts) -> str:
    """Whether the copy is all that was remembered of the log; if not, nothing is issued until an operator accepts it."""
    try:
        check(parts, log_signer(parts))
    except Bad:
        return "older than what was remembered: look with `idp audit verify`, then `idp audit accept`"
    return "as remembered"


def _put(url: str, copy: Path) -> None:
    if url.startswith("sqlite:///"):
        target = Path(url.removeprefix("sqlite:///"))
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(copy, target)
        target.chmod(0o600)
        return
    if not load_copy(url, copy):
        raise click.ClickException(
            "pg_restore refused; the database must exist and be empty, and the program be installed"
        )


def _listed(copy: Path) -> str:
    """When the archive was made, as its own list says; both copies were made by one server, in its time zone."""
    done = subprocess.run(["pg_restore", "--list", str(copy)], capture_output=True, check=False)  # noqa: S603, S607  see above
    if done.returncode:
        raise click.ClickException(f"{copy} is not a readable PostgreSQL archive")
    made = next((line for line in done.stdout.decode(errors="replace").split("\n") if "Archive created at" in line), "")
    return made.partition("created at")[2].strip()


def _read_all(parts: Parts, quiet: bool, accepted: bool = False) -> dict[str, Any]:
    with progress_bar(parts.store.count(Event), "reading", quiet) as progress:
        events, passed = _check_events(parts, progress)
    found = _check_people(parts, accepted)
    counts = {"events": events, "accounts": found.readable, "unreadable": found.unreadable}
    whole = True if not passed else words(passed, len(passed)).removeprefix("whole ")
    return {**counts, "algorithms": list(parts.keys.algorithms), "whole": whole}


def _check_events(parts: Parts, progress: Progress) -> tuple[int, list[Spoilt]]:
    """Every entry and its columns are compared; how many events, and which of them do not fit but were accepted, as the log itself says."""
    count, after, known, passed = 0, FIRST, log_accepted.accepted(parts), list[Spoilt]()
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        for row in rows:
            if fits(row):
                continue
            index = place_of(parts, row.seq)
            at = known.when(index, row.seq)
            if at is None:
                raise click.ClickException(
                    f"event {named(row)} (number {row.seq}) does not match its entry: the copy was altered, or the log before, and no "
                    "`idp audit accept` in it names it. Bring another copy; or, where the log lives, see to it (`idp audit verify`) and copy anew"
                )
            passed.append(Spoilt(index, row.seq, at))
        count, after = count + len(rows), rows[-1].seq
        progress(count, 0)
    return count, passed


def _check_people(parts: Parts, accepted: bool) -> People:
    """Every living account's data key opens, unless the keyring says that the account was erased."""
    found = people(parts)
    if found.unreadable and not accepted:
        raise click.ClickException(
            f"{found.unreadable} of {found.unreadable + found.readable} people of this copy have no key that opens: {MEANING}. Bring that copy, "
            "or say --accept-unreadable to bring back the others"
        )
    return found
