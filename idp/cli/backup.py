"""``idp backup`` and ``idp restore``: a consistent copy while serving, and the drill that proves it can be read."""

from pathlib import Path

import click

from idp.cli.common import configuration, fail, opened, show, verb
from idp.parts import Parts


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@verb
def backup(folder: Path, as_json: bool) -> None:
    """Write the main database to FOLDER/database, and the keyring to FOLDER/keyring, replacing the keyring copy of before.

    Archive the database copies as you like. Keep one keyring copy only: an old one would bring erased people back. The root key is not in here:
    see `idp keys escrow`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened() as parts:
        stamp = parts.clock() // 1_000_000
        main, ring = folder / f"database-{stamp}", folder / "keyring"
        fresh = folder / "keyring.new"
        fresh.unlink(missing_ok=True)
        # The keyring after the database: every account in the copy then has its key.
        parts.store.backup(str(main))
        parts.keyring.backup(str(fresh))
        fresh.replace(ring)
        show({"database": str(main), "keyring": str(ring)}, as_json)
        _warn(parts)


def _warn(parts: Parts) -> None:
    """What a restore of this copy would say of its log."""
    from idp.audit.fitting import fits
    from idp.flows.log_accepted import accepted, standing, words
    from idp.flows.log_memory import ADVICE
    from idp.flows.log_waiting import alarm
    from idp.flows.sequencer import BATCH, head

    but = standing(parts)
    if but is not None:
        text = words(but.rows, but.count, but.what, but.at)
        click.echo(f"The log in this copy is {text}. `idp restore` tells them and lets them through.", err=True)
    misfits = [e.seq for e in parts.store.unsequenced(head(parts).last_seq, BATCH) if not fits(e)]
    if alarm(parts) or not {*misfits} <= {*accepted(parts).let_in}:
        click.echo(
            f"The log is not whole, and a restore of this copy may be refused: {ADVICE}; then make the copy anew.",
            err=True,
        )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--verify", is_flag=True, help="Only check that the newest copy can be read with the present keys; change nothing."
)
@click.option(
    "--keep-keyring", is_flag=True, help="The living keyring is still there: bring back the main database alone."
)
@click.option(
    "--accept-unreadable",
    is_flag=True,
    help="Bring the copy back although the keyring lacks the keys of people in it: nothing about them can be read.",
)
@verb
def restore(folder: Path, verify: bool, keep_keyring: bool, accept_unreadable: bool, as_json: bool) -> None:
    """Bring the newest copy in FOLDER back into empty stores, or (--verify) check that this would work.

    Where only the main database was lost, say --keep-keyring: the living keyring knows best whom it has forgotten. Nothing is ever overwritten, and
    what fails leaves the stores as they were.

    A keyring that lacks the keys of people in the copy is older than it, or another house's: refused, with their number, unless you say
    --accept-unreadable. People who were erased are not counted.

    An event that is not as it was written is refused too, unless the copy's own log says that it was accepted (`idp audit accept`): such events are
    named under `whole`. On PostgreSQL --verify can't look at rows; it says what it did not look at.

    After a restore every session, code and refresh token is ended: what was revoked since the copy must not come back to life.
    """
    copies = sorted(folder.glob("database-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    ring = folder / "keyring"
    if verify and (keep_keyring or accept_unreadable):
        raise click.UsageError("--verify reads the copies of both and changes nothing: say it alone")
    if not copies or not (keep_keyring or ring.exists()):
        fail(f"{folder} holds no copy made by `idp backup`")
        return
    from idp.cli.restoring import bring_back, verify_copy

    config = configuration()
    report = (
        verify_copy(config, copies[-1], ring, quiet=as_json)
        if verify
        else bring_back(config, copies[-1], None if keep_keyring else ring, accepted=accept_unreadable, quiet=as_json)
    )
    show(report, as_json)
