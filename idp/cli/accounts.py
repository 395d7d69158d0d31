"""``idp accounts``: citizens and staff."""

from pathlib import Path

import click

from clients import strict_json
from idp.cli.common import opened, show, verb

ROLES = ("auditor", "approver", "operator")
REASONS = ("requested", "compromised", "misuse", "deceased", "duplicate", "mistake", "resolved")

CONTACT_REASONS = ("lost", "stolen", "mistake", "requested")


@click.group()
def accounts() -> None:
    """Accounts: enter, suspend, give roles, set a lost address, reset a lost second factor, invite staff."""


@accounts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@verb
def add(file: Path, as_json: bool) -> None:
    """Enter the account (or list of accounts) described in FILE.

    {"identifiers": ["li.wei", "li.wei@example.cn"], "password": "…", "claims": {"name": "李伟", …}, "roles": []}

    A password obeys the same policy as at sign-up; without one the account begins with *forgotten password*.
    """
    from idp.flows.staff import enter_accounts

    try:
        document = strict_json.read(file.read_bytes())
    except strict_json.NotStrict as error:
        raise click.BadParameter(f"{file} {error}") from error
    with opened() as parts:
        made = enter_accounts(parts, document if isinstance(document, list) else [document])
        show([{"account": account_id.hex()} for account_id in made], as_json)


@accounts.command()
@click.argument("identifier")
@click.option("--reason", type=click.Choice(REASONS), default="requested", show_default=True, help="Why; recorded.")
@verb
def disable(identifier: str, reason: str, as_json: bool) -> None:
    """Suspend the account that signs in with IDENTIFIER: every session, token and open reset ends at once, its services are told.

    Whoever tries to sign in gets the same answer as for a wrong password.
    """
    _set_status(identifier, "disabled", reason, as_json)


@accounts.command()
@click.argument("identifier")
@click.option("--reason", type=click.Choice(REASONS), default="requested", show_default=True, help="Why; recorded.")
@verb
def enable(identifier: str, reason: str, as_json: bool) -> None:
    """Let a suspended account sign in again. What the suspension ended stays ended."""
    _set_status(identifier, "active", reason, as_json)


def _set_status(identifier: str, status: str, reason: str, as_json: bool) -> None:
    from idp.flows.staff import set_status

    with opened() as parts:
        changed = set_status(parts, identifier, status, reason, now=parts.clock())
        show({"identifier": identifier, "status": status, "changed": changed}, as_json)


@accounts.command()
@click.argument("identifier")
@click.argument("roles", nargs=-1, type=click.Choice(ROLES))
@verb
def roles(identifier: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Set the staff roles of the account that signs in with IDENTIFIER; none takes all away. Ends its sessions."""
    from idp.flows.staff import set_roles

    with opened() as parts:
        set_roles(parts, identifier, roles, now=parts.clock())
        show({"identifier": identifier, "roles": list(roles)}, as_json)


@accounts.command("reset-factor")
@click.argument("identifier")
@click.option(
    "--reason", type=click.Choice(["lost", "stolen", "broken", "requested"]), required=True, help="Why; recorded."
)
@verb
def reset_factor(identifier: str, reason: str, as_json: bool) -> None:
    """Remove the second factor of an account, end its sessions, tell the citizen."""
    from idp.flows.staff import reset_factor as reset

    with opened() as parts:
        removed = reset(parts, identifier, reason, now=parts.clock())
        show({"identifier": identifier, "removed": removed}, as_json)


@accounts.command("set-contact")
@click.argument("identifier")
@click.argument("contact")
@click.option("--instead", default="", help="Which of the account's addresses or numbers goes, as it is lost.")
@click.option("--reason", type=click.Choice(CONTACT_REASONS), required=True, help="Why; recorded.")
@click.confirmation_option(
    prompt="Whoever receives there can take the account over. Did its owner prove to the office who they are?"
)
@verb
def set_contact(identifier: str, contact: str, instead: str, reason: str, as_json: bool) -> None:
    """Set an e-mail address or phone number for the account that signs in with IDENTIFIER, confirmed by the office, which knows who its owner is.

    For who lost mailbox and password: with --instead the lost one goes. Every session, token and open reset ends; the old addresses and the new
    one are told. The new password is set by *forgotten password*; a second factor stays (`reset-factor`).
    """
    from idp.flows.contacts import by_office

    with opened() as parts:
        how = by_office(parts, identifier, contact, instead, reason, now=parts.clock())
        show({"identifier": identifier, "changed": how, "reason": reason}, as_json)


@accounts.command()
@click.argument("identifier")
@click.option(
    "--reason",
    type=click.Choice(["court-order", "authority", "deceased", "requested"]),
    required=True,
    help="By which order; recorded.",
)
@click.confirmation_option(prompt="Everything about this person becomes unreadable for ever, in old copies too. Go on?")
@verb
def erase(identifier: str, reason: str, as_json: bool) -> None:
    """Forget the account that signs in with IDENTIFIER, at once: its key is destroyed, its services are told. Nobody can undo it.

    A citizen's own wish is better done on their page, which waits and can be cancelled.
    """
    from idp.flows.erasure import by_order

    with opened() as parts:
        by_order(parts, identifier, reason, now=parts.clock())
        show({"erased": True, "reason": reason}, as_json)


@accounts.command("staff-link")
@click.argument("roles", nargs=-1, type=click.Choice(ROLES), required=True)
@verb
def staff_link(roles: tuple[str, ...], as_json: bool) -> None:
    """A one-time link (30 minutes) with which a member of staff makes an account with ROLES, a password and a second factor."""
    from idp.flows.staff import staff_link as link

    with opened() as parts:
        show({"link": link(parts, roles, now=parts.clock()), "valid_minutes": 30}, as_json)
