"""``idp release``: what a request would be told, attribute by attribute."""

from urllib.parse import urlsplit

import click

from idp.cli.common import fail, opened, show, verb


@click.group()
def release() -> None:
    """Release plans: requested ∩ approved ∩ known ∩ chosen. Here without a citizen: what is known and chosen shows at their sign-in."""


@release.command()
@click.argument("client_id")
@click.argument("request")
@verb
def explain(client_id: str, request: str, as_json: bool) -> None:
    """Say for each attribute that REQUEST asks for whether CLIENT_ID would be told it, and why.

    REQUEST is an authorization request as the client sends it: the whole address, or its query (scope=…&claims=…&authorization_details=…). A signed
    request, or one that was pushed and waits, is read and not used up.
    """
    from idp.flows.explain import explain as explained

    with opened() as parts:
        client = parts.clients.get(client_id)
        if client is None:
            fail(f"there is no client {client_id}")
            return
        found = explained(parts, client, urlsplit(request).query or request)
        if as_json:
            show(found, as_json)
            return
        show(
            found["lines"],
            as_json,
            columns=("item", "version", "attribute", "need", "basis", "verified", "outcome", "why"),
        )
        click.echo(f"error: {found['error']}" if found["error"] else "The request would be accepted.")
