"""``idp keys``: signing keys, their rotation, and the root key's escrow."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from idp.cli.common import iso, opened, progress_bar, show, verb
from idp.parts import Parts
from idp.records import SigningKey


@click.group()
def keys() -> None:
    """Signing keys (next → active → retiring → retired) and the root key."""


@keys.command("list")
@verb
def list_(as_json: bool) -> None:
    """All signing keys and their states."""
    with opened() as parts:
        rows = parts.store.find(SigningKey, order=("alg", "version"))
        show(
            [
                {
                    "kid": k.kid,
                    "alg": k.alg,
                    "version": k.version,
                    "state": k.state,
                    "published": iso(k.published_at),
                    "activated": iso(k.activated_at),
                    "retired": iso(k.retired_at),
                }
                for k in rows
            ],
            as_json,
        )


@keys.command()
@click.option(
    "--now", "emergency", is_flag=True, help="Emergency: switch at once and stop believing older keys. Recorded."
)
@verb
def rotate(emergency: bool, as_json: bool) -> None:
    """Ask for new signing keys.

    A fresh key is published at once and signs when every cache of the key set can know it (IDP_JWKS_MAX_AGE); the worker does the switch. Where a
    next key waits already it is that one's turn, and the fresh one is for the rotation after: what signs when is told. With
    --now it signs at once, and tokens under older keys are no longer believed, nor their ID tokens as hints: who signs out by one is asked first.
    """
    from idp.flows.keys import rotate as carry_out
    from keys.backends import open_root

    with opened() as parts, closing(open_root(parts.config.keys_url)) as root:
        actions = carry_out(
            parts.store, root, parts.config, parts.entropy, parts.clock(), rotate=not emergency, emergency=emergency
        )
        show([{"action": type(a).__name__, "key": getattr(a, "kid", getattr(a, "alg", ""))} for a in actions], as_json)
        for line in _turns(parts):
            click.echo(line, err=True)


def _turns(parts: Parts) -> Iterator[str]:
    """Of each algorithm, which waiting key signs when: of two the older one has its turn, and the younger waits for another rotation."""
    from idp.flows.keys import policy
    from keys.lifecycle import ripe_at

    rules = policy(parts.config)
    for alg in rules.algs:
        waiting = parts.store.find(SigningKey, {"alg": alg, "state": "next"}, order=("version",))
        if not waiting:
            continue
        first, rest = waiting[0], waiting[1:]
        then = "; ".join(f"{row.kid} after it, at the next rotation" for row in rest)
        when = f"from {iso(ripe_at(first, rules.jwks_max_age_s, rules.slack_s))} on" if then else "at the next rotation"
        yield f"{alg}: {first.kid} signs {when}{f'; {then}' if then else ''}"


@keys.command()
@click.option(
    "--destroy-old",
    is_flag=True,
    help="When every key stands under the new epoch, destroy the old one: what was erased is gone from old pages and copies too.",
)
@click.option(
    "--drop-unreadable",
    is_flag=True,
    help="Destroy it although some keys do not open; no backup of the keyring repairs them then.",
)
@verb
def rewrap(destroy_old: bool, drop_unreadable: bool, as_json: bool) -> None:
    """Wrap every citizen's key anew under a fresh epoch of the data key, while serving.

    Stopped or killed, run it again: it goes on where it was. Two at once do no harm. A later run takes up the epoch that is there as long as the
    one before it is kept.
    """
    from idp.flows.rewrap import rewrap as carry_out
    from keys.backends import open_root

    with (
        opened() as parts,
        closing(open_root(parts.config.keys_url)) as root,
        progress_bar(1, "Wrapping keys", as_json) as progress,
    ):
        done = carry_out(parts, root, progress, destroy_old=destroy_old, drop_unreadable=drop_unreadable)
    show(
        {
            "epoch": done.epoch,
            "keys": done.total,
            "wrapped_anew": done.rewrapped,
            "unreadable": done.unreadable,
            "kept": list(done.kept),
            "destroyed": list(done.destroyed),
        },
        as_json,
    )


@keys.command()
@click.option(
    "--to",
    "recipient",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Recovery public key, PEM (EC P-256 or RSA).",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write the sealed copy."
)
@verb
def escrow(recipient: Path, out: Path, as_json: bool) -> None:
    """Seal a copy of the root key to a recovery key that is kept elsewhere, so that a lost root key is not the end."""
    from hashlib import sha256

    from idp.audit.events import KeysEscrowed, record
    from keys.backends import open_root
    from keys.errors import KeysError
    from keys.escrow import export_root
    from keys.ports import ExportableSealer

    pem = recipient.read_bytes()
    with opened() as parts, closing(open_root(parts.config.keys_url)) as root:
        if not isinstance(root, ExportableSealer):
            raise KeysError("a root key in a hardware module never leaves it; use the module's own backup")
        sealed = export_root(root, pem)
        thumbprint = sha256(pem).hexdigest()[:32]
        parts.store.commit([record(KeysEscrowed(recipient=thumbprint), at=parts.clock(), entropy=parts.entropy)])
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(sealed + "\n")
        show({"written": str(out), "recipient": thumbprint}, as_json)


@keys.command()
@click.argument("envelope", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "private",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Recovery private key, PEM.",
)
@verb
def recover(envelope: Path, private: Path, as_json: bool) -> None:
    """Put the root key back from its sealed copy, into the empty IDP_KEYS_URL."""
    from idp.cli.common import configuration
    from keys.escrow import recover_root
    from keys.file_backend import restore_root

    material = recover_root(envelope.read_text().strip(), private.read_bytes())
    root = restore_root(configuration().keys_url, material)
    show({"restored": configuration().keys_url, "fingerprint": root.fingerprint()}, as_json)
