"""``idp receipts``: check a citizen's receipt, offline."""

from pathlib import Path
from typing import Any

import click

from clients import strict_json
from idp.cli.common import fail, opened, show, verb
from idp.release.receipts import NotAReceipt, check
from keys.jose import VerifyKeys

WORDS = {
    "form": "this is no receipt: neither a receipt file nor a signed form",
    "unsigned": "nobody signed this: it proves nothing",
    "type": "this is signed, but it is no receipt",
    "foreign_key": "none of the given keys signed this: it is another issuer's, or the keys are too new or too old",
    "altered": "this was altered after it was signed",
    "issuer": "this is another issuer's receipt",
    "log": "the log's proof in it does not hold: tell an auditor",
}


@click.group()
def receipts() -> None:
    """Receipts that citizens keep of consents and releases (ISO/IEC TS 27560): check one, or hand out the keys to check with."""


@receipts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="The issuer's published keys, as saved from its /jwks. Then nothing else is needed: no settings, no network.",
)
@click.option(
    "--issuer", default=None, help="Who must have issued it; by default this installation, or with --jwks anyone."
)
@click.option(
    "--log-keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="The log's verifier keys, as `idp audit checkpoint --keys` prints them: checks the tree head's own signatures too.",
)
@verb
def verify(file: Path, jwks: Path | None, issuer: str | None, log_keys: Path | None, as_json: bool) -> None:
    """Check that FILE is a receipt, signed by the issuer and unaltered, and that its event stands in the log.

    Exit code 1 and a plain reason when it is not.
    """
    from idp.audit.merkle import ProofError
    from idp.audit.note import NoteError, verifier
    from idp.flows.receipts import proved

    keys, issuer = _keys(jwks, issuer)
    try:
        signers = [verifier(line) for line in log_keys.read_text(encoding="utf-8").split()] if log_keys else []
        claims = check(file.read_text(encoding="utf-8"), keys, issuer)
        in_log = proved(claims, signers)
    except (ProofError, NoteError):
        fail(WORDS["log"])
    except NotAReceipt as error:
        fail(WORDS[error.reason])
    except UnicodeDecodeError:
        fail(WORDS["form"])
    else:
        show(_told(claims) | {"in_the_log": in_log}, as_json)


@receipts.command()
@verb
def keys(as_json: bool) -> None:
    """The public keys that receipts of this installation bear, retired ones too: a JWK Set for --jwks."""
    from idp.flows.receipts import published

    del as_json
    with opened() as parts:
        show(published(parts), as_json=True)


def _keys(jwks: Path | None, issuer: str | None) -> tuple[VerifyKeys, str | None]:
    if jwks is not None:
        try:
            document = strict_json.read(jwks.read_bytes())
        except strict_json.NotStrict:
            document = None
        found = VerifyKeys.from_jwks(document) if isinstance(document, dict) else VerifyKeys(())
        if not len(found):
            fail(f"{jwks} holds no public keys (a JWK Set is wanted, as the issuer's /jwks answers it)")
        return found, issuer
    from idp.flows.receipts import keys as own

    with opened() as parts:
        return own(parts), issuer or parts.config.issuer


def _told(claims: dict[str, Any]) -> dict[str, Any]:
    record = claims["record"]
    department = record["party_identification"][0]
    purposes = record["pii_processing"]["purposes"]
    return {
        "valid": True,
        "issuer": claims["iss"],
        "receipt": claims["jti"],
        "time": record["event"]["event_time"],
        "what": record["event"]["event_type"],
        "department": " / ".join(department["party_name"].values()) or None,
        "department_id": department["party_id"],
        "attributes": [info["pii_type"] for purpose in purposes for info in purpose["pii_information"]],
        "known_there_as": record.get("pii_principal_id"),
        "log_entry": claims["log"]["entry"],
    }
