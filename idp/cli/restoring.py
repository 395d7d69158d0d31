"""How a copy comes back: into empty stores only, checked row by row, with everything that could have been revoked since ended."""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from idp.app import close_parts, open_parts
from idp.audit.entry import entry, unpack
from idp.audit.verify import Bad
from idp.config import Config
from idp.flows.log_memory import check
from idp.flows.restored import end_again_all
from idp.flows.sequencer import log_signer
from idp.parts import Parts
from idp.ports import Op
from idp.records import Account, Event
from idp.release.vault import KeyGone

PAGE = 1000


def verify_copy(config: Config, main: Path, ring: Path) -> dict[str, Any]:
    """Open a throw-away copy with the present root key and read everything that can be checked. Raises ClickException."""
    if config.database_url.startswith("postgresql"):
        _listed(main)
        _listed(ring)
        return {
            "copy": main.name,
            "whole": True,
            "note": "both archives are readable; to read the rows, restore into a spare database",
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
            return {"copy": main.name, **_read_all(parts)}
        finally:
            close_parts(parts)


def bring_back(config: Config, main: Path, ring: Path) -> dict[str, Any]:
    """Restore both stores, check them, end every session and grant, forget again whom the keyring forgot.

    Raises ClickException when a store is not empty.
    """
    _put(config.database_url, main)
    _put(config.keyring_url, ring)
    parts = open_parts(config)
    try:
        report = _read_all(parts)
        return {"copy": main.name, **report, **end_again_all(parts), "log": _log(parts)}
    finally:
        close_parts(parts)


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
        if target.exists():
            raise click.ClickException(f"{target} exists; move it away first, a restore never overwrites")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(copy, target)
        target.chmod(0o600)
        return
    command = ["pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={url}", str(copy)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  an operator's own PostgreSQL programs
    if done.returncode:
        raise click.ClickException(
            "pg_restore refused; the database must exist and be empty, and the program be installed"
        )


def _listed(copy: Path) -> None:
    done = subprocess.run(["pg_restore", "--list", str(copy)], capture_output=True, check=False)  # noqa: S603, S607  see above
    if done.returncode:
        raise click.ClickException(f"{copy} is not a readable PostgreSQL archive")


def _read_all(parts: Parts) -> dict[str, Any]:
    events = _check_events(parts)
    accounts = _check_accounts(parts)
    return {"events": events, "accounts": accounts, "algorithms": list(parts.keys.algorithms), "whole": True}


def _check_events(parts: Parts) -> int:
    """Every entry is recomputed from what is stored."""
    count, after = 0, 0
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        for row in rows:
            digests = [f.digest for f in unpack(row.fields)] if row.fields else []
            if entry(row.salt, row.head, digests) != row.entry:
                raise click.ClickException(f"event {row.id.hex()} does not match its entry: the copy was altered")
        count, after = count + len(rows), rows[-1].seq
    return count


def _check_accounts(parts: Parts) -> int:
    """Every living account's data key opens, unless the keyring says that the account was erased."""
    count, after = 0, b""
    while rows := parts.store.find(Account, {"id": Op(">", after)}, order=("id",), limit=PAGE):
        for row in rows:
            if row.status == "erased":
                continue
            try:
                parts.vault.citizen(row.id)
            except KeyGone:
                if parts.keyring.erased(row.id):  # forgotten since the copy was made
                    continue
                raise click.ClickException(
                    "an account's key is missing or does not open: is the keyring copy of the same house?"
                ) from None
            count += 1
        after = rows[-1].id
    return count
