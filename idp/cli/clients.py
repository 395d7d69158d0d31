"""``idp clients``: departmental systems as relying parties."""

from pathlib import Path

import click

from clients import strict_json
from clients.model import Client, from_json, public_metadata
from idp.cli.common import fail, iso, opened, show, verb
from idp.parts import Parts
from idp.records import ClientKeySeen, ClientRefusal, ClientRow, LogoutDelivery

REASONS = ("requested", "compromised", "misuse", "maintenance", "retired", "mistake", "resolved")


@click.group()
def clients() -> None:
    """Relying parties: register, look at, pause, remove, and see why one was refused."""


@clients.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--department", default=None, help="Department id or credit code; or the file's member `department`.")
@click.option(
    "--no-pkce", is_flag=True, help="Let this confidential client omit PKCE (for software that cannot). Recorded."
)
@verb
def add(file: Path, department: str | None, no_pkce: bool, as_json: bool) -> None:
    """Register the client described in FILE (RFC 7591 metadata as JSON, plus our members: `department`, `require_pkce`, …).

    The answer holds client_id and, once, the secret: keep it now, it can't be shown again.
    """
    from idp.flows.provision import add_client

    document = _read(file)
    owner = _owner(document.pop("department", None), department)
    pkce = not no_pkce and document.get("require_pkce") is not False
    with opened() as parts:
        client, secret = add_client(parts, document, owner, how="cli", require_pkce=pkce)
        answer = public_metadata(client)
        if secret is not None:
            answer["client_secret"] = secret
        show(answer, as_json)


@clients.command("list")
@click.option("--department", default=None, help="Only this department's.")
@verb
def list_(department: str | None, as_json: bool) -> None:
    """All clients."""
    where = {"department_id": department} if department else {}
    with opened() as parts:
        rows = parts.store.find(ClientRow, where, order=("created_at",), limit=100_000)
        show([_summary(from_json(r.document)) for r in rows], as_json)


@clients.command("show")
@click.argument("client_id")
@verb
def show_(client_id: str, as_json: bool) -> None:
    """One client's metadata as registered, never its secret, the keys that answers to it were last encrypted to, and whether its logo was had."""
    with opened() as parts:
        client = parts.clients.get(client_id)
        if client is None:
            fail(f"there is no client {client_id}")
            return
        rows = parts.store.find(ClientKeySeen, {"client_id": client_id}, order=("alg",))
        told = {"status": client.status, "department_id": client.department_id, **public_metadata(client)}
        told |= _logo(parts, client)
        show({**told, "encryption_keys_used": [_key(row) for row in rows]}, as_json)


@clients.command()
@click.argument("client_id")
@click.option("--reason", type=click.Choice(REASONS), default="requested", show_default=True, help="Why; recorded.")
@verb
def disable(client_id: str, reason: str, as_json: bool) -> None:
    """Pause a client: nobody can sign in to it, every code and token of it is dead at once, and it is told to sign its people out.

    Citizens see that the service is paused. `idp clients enable` lets it on again.
    """
    from idp.flows.client_status import disable as pause

    with opened() as parts:
        changed = pause(parts, client_id, reason, now=parts.clock())
        show({"client_id": client_id, "status": "disabled", "changed": changed}, as_json)


@clients.command()
@click.argument("client_id")
@click.option("--reason", type=click.Choice(REASONS), default="requested", show_default=True, help="Why; recorded.")
@verb
def enable(client_id: str, reason: str, as_json: bool) -> None:
    """Let a paused client on again, with its id, secret and registration. Tokens from before the pause stay dead."""
    from idp.flows.client_status import enable as let_on

    with opened() as parts:
        changed = let_on(parts, client_id, reason, now=parts.clock())
        show({"client_id": client_id, "status": "active", "changed": changed}, as_json)


@clients.command()
@click.argument("client_id")
@click.option("--reason", type=click.Choice(REASONS), default="requested", show_default=True, help="Why; recorded.")
@verb
def delete(client_id: str, reason: str, as_json: bool) -> None:
    """Remove a client for good: every code and token of it is dead, its secret and registration token open nothing.

    Its id is never given out again. The client is not told: pause it first where its people should be signed out.
    """
    from idp.flows.client_status import delete as remove

    with opened() as parts:
        remove(parts, client_id, reason, now=parts.clock())
        show({"client_id": client_id, "status": "deleted"}, as_json)


@clients.command("confirm-key")
@click.argument("client_id")
@verb
def confirm_key(client_id: str, as_json: bool) -> None:
    """Stand for the client's changed encryption key: sensitive attributes are held back no longer (IDP_CLIENT_KEY_HOLD). Recorded.

    First ask the department, by a way that it did not choose today, whether the thumbprint in `idp clients show` is its own.
    """
    from idp.flows.client_keys import confirm

    with opened() as parts:
        if parts.clients.get(client_id) is None:
            fail(f"there is no client {client_id}")
        show({"confirmed": confirm(parts, client_id, parts.clock())}, as_json)


@clients.command()
@click.argument("client_id")
@verb
def errors(client_id: str, as_json: bool) -> None:
    """The client's last refusals: what was received against what is registered. Holds no citizen data.

    The table cuts long values; ``--json`` has them whole.
    """
    with opened() as parts:
        rows = parts.store.find(ClientRefusal, {"client_id": client_id}, order=("-at",), limit=50)
        if not rows and parts.clients.get(client_id) is None:
            fail(f"there is no client {client_id}")
        show(
            [
                {
                    "time": iso(r.at),
                    "error": r.code,
                    "reason": r.reason,
                    "received": r.received,
                    "registered": r.registered,
                    "reference": r.reference,
                }
                for r in rows
            ],
            as_json,
            longest=60,
        )


@clients.command()
@click.argument("client_id", required=False)
@click.option("--state", type=click.Choice(["pending", "sent", "dead"]), default=None, help="Only these.")
@click.option("--retry", is_flag=True, help="Try dead ones again from the beginning, after the receiver was repaired.")
@verb
def deliveries(client_id: str | None, state: str | None, retry: bool, as_json: bool) -> None:
    """Back-channel logout messages to CLIENT_ID (or to all): waiting, sent, or dead after the last try, and why.

    The newest first. Names no citizen: a message is known by the session in `idp audit list`.
    """
    from idp.flows.outbox import revive

    with opened() as parts:
        if client_id is not None and parts.clients.get(client_id) is None:
            fail(f"there is no client {client_id}")
        if retry:
            show({"tried_again": revive(parts, parts.clock(), client_id)}, as_json)
            return
        where = {k: v for k, v in (("client_id", client_id), ("state", state)) if v is not None}
        rows = parts.store.find(LogoutDelivery, where, order=("-created_at",), limit=200)
        show([_delivery(row) for row in rows], as_json)


@clients.command()
@click.option("--department", required=True, help="Department id or credit code.")
@click.option(
    "--uses", type=click.IntRange(min=1), default=1, show_default=True, help="How many clients it may register."
)
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True, help="How long it is valid.")
@click.option(
    "--scope",
    default="openid profile email phone address offline_access",
    show_default=True,
    help="Scopes granted when a registration names none, and the most it may name.",
)
@click.option("--no-pkce", is_flag=True, help="Confidential clients registered with it need no PKCE. Recorded.")
@click.option(
    "--older-audience",
    is_flag=True,
    help="Clients registered with it may address their assertions to the token endpoint instead of the issuer.",
)
@verb
def token(
    department: str, uses: int, days: int, scope: str, no_pkce: bool, older_audience: bool, as_json: bool
) -> None:
    """Make an initial access token with which a department registers its own clients at POST /register (RFC 7591 §3)."""
    from idp.flows.provision import add_initial_token

    with opened() as parts:
        made = add_initial_token(
            parts,
            department,
            uses=uses,
            ttl_s=days * 86400,
            scope=tuple(scope.split()),
            require_pkce=not no_pkce,
            token_endpoint_audience=older_audience,
        )
        show({"initial_access_token": made, "uses": uses, "register_at": parts.config.issuer + "/register"}, as_json)


def _logo(parts: Parts, client: Client) -> dict[str, str]:
    from idp.flows import logos

    stands = logos.state(parts, client)
    if stands is None or stands.fetched:
        return {} if stands is None else {"logo": "fetched"}
    again = "given up until its address changes" if stands.next_at is None else f"next {iso(stands.next_at)}"
    return {"logo": f"not fetched; tries {stands.tries}, {again}; `idp clients errors` says why"}


def _delivery(row: LogoutDelivery) -> dict[str, object]:
    return {
        "time": iso(row.created_at),
        "client_id": row.client_id,
        "session": row.session_id.hex(),
        "state": row.state,
        "attempts": row.attempts,
        "next": iso(row.next_at) if row.state == "pending" else None,
        "trouble": row.last_error,
    }


def _key(row: ClientKeySeen) -> dict[str, object]:
    told: dict[str, object] = {"alg": row.alg, "thumbprint": row.thumbprint, "first_used": iso(row.first_seen_at)}
    return told if row.held_until is None else told | {"held_until": iso(row.held_until)}


def _summary(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "name": client.client_name,
        "department": client.department_id,
        "status": client.status,
        "method": client.token_endpoint_auth_method,
        "created": iso(client.created_at),
    }


def _owner(named: object, option: str | None) -> str:
    """The department that the file or the option names; where both do, it is the same word."""
    words = [word for word in (named, option) if word is not None]
    if words and isinstance(words[0], str) and all(word == words[0] for word in words):
        return words[0]
    raise click.UsageError("Say which department: with --department, or as the file's member `department`.")


def _read(file: Path) -> dict[str, object]:
    try:
        document = strict_json.read(file.read_bytes())
    except strict_json.NotStrict as error:
        raise click.BadParameter(f"{file} {error}") from error
    if not isinstance(document, dict):
        raise click.BadParameter(f"{file} must hold one JSON object")
    return document
