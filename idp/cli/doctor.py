"""``idp doctor``: what is wrong with this installation, in words that say what to do."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import click
import msgspec

from clients.model import from_json
from idp.cli.common import configuration, iso, show, verb
from idp.config import Config, ConfigError
from idp.errors import Unavailable
from idp.records import ClientRow, SigningKey
from keys.errors import KeysError

Finding = dict[str, Any]
Check = Callable[[Config], str]
LAGGING = 10_000
"""So many events without a leaf are a worker that is away, not one that is busy."""
MOST_PEOPLE = 50_000
"""Whose keys are tried: enough to notice an older keyring in seconds, however many there are."""
MAX_SKEW_S = 5


class Wrong(Exception):
    """A check failed; the text says what to do."""


@click.command()
@click.option("--offline", is_flag=True, help="Do not call the issuer's own address.")
@verb
def doctor(offline: bool, as_json: bool) -> None:
    """Look at settings, schema, keys, stores, clock, TLS and the proxy; exit code 1 when something is wrong."""
    findings = list(_findings(offline))
    if as_json:
        show(findings, as_json)
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding['ok'] else 'BAD '} {finding['check']:<12} {finding['says']}")
    if not all(f["ok"] for f in findings):
        sys.exit(1)


def _findings(offline: bool) -> Iterator[Finding]:
    try:
        config = configuration()
    except ConfigError as error:
        yield {"check": "settings", "ok": False, "says": str(error)}
        return
    yield {"check": "settings", "ok": True, "says": f"issuer {config.issuer}"}
    for name, check in (
        ("schema", _schema),
        ("keys", _keys),
        ("stores", _stores),
        ("people", _people),
        ("clients", _clients),
        ("notices", _notices),
        ("audit log", _log),
        ("alerts", _alerts),
    ):
        yield _run(name, check, config)
    if not offline:
        yield _run("front", _front, config)
        yield _run("clock", _clock, config)


def _run(name: str, check: Check, config: Config) -> Finding:
    try:
        return {"check": name, "ok": True, "says": check(config)}
    except (Wrong, KeysError) as error:
        return {"check": name, "ok": False, "says": str(error)}
    except Unavailable as error:
        return {"check": name, "ok": False, "says": error.advice()}


def _schema(config: Config) -> str:
    from idp.app import schema_state

    for state in schema_state(config):
        if state["current"] != state["needed"]:
            raise Wrong(
                f"{state['store']} has schema {state['current'] or 'none'}, needed {state['needed']}: run `idp db upgrade`"
            )
    return "both stores are at this version's schema"


def _keys(config: Config) -> str:
    from idp.app import close_parts, open_parts

    parts = open_parts(config)
    try:
        rows = parts.store.find(SigningKey)
        algs = parts.keys.algorithms
    finally:
        close_parts(parts)
    waiting = {r.alg for r in rows if r.state == "next"}
    if set(algs) - waiting:
        raise Wrong(
            f"no next key for {', '.join(sorted(set(algs) - waiting))}: is a worker running? See `idp keys list`"
        )
    return f"the root key opens them; signing with {', '.join(algs)}"


def _stores(config: Config) -> str:
    from idp.app import check_parts

    check_parts(config)
    return "database, keyring and volatile store answer"


def _clients(config: Config) -> str:
    """Rows that no longer open are named, so that one broken row is found before its users find it."""
    from idp.app import close_parts, open_parts

    parts = open_parts(config)
    broken, count, after = [], 0, ""
    try:
        from idp.ports import Op

        while rows := parts.store.find(ClientRow, {"client_id": Op(">", after)}, order=("client_id",), limit=1000):
            for row in rows:
                count += 1
                try:
                    from_json(row.document)
                except (ValueError, msgspec.DecodeError):
                    broken.append(row.client_id)
            after = rows[-1].client_id
    finally:
        close_parts(parts)
    if broken:
        raise Wrong(f"these clients can't be read: {', '.join(broken[:10])}")
    return f"{count} clients can be read"


def _people(config: Config) -> str:
    """A keyring that is older than the database shows itself by the keys that it lacks."""
    from idp.app import close_parts, open_parts
    from idp.flows.keyless import MEANING, people

    parts = open_parts(config)
    try:
        found = people(parts, MOST_PEOPLE)
    finally:
        close_parts(parts)
    if found.unreadable:
        raise Wrong(
            f"{found.unreadable} of {found.unreadable + found.readable} people have no key that opens: {MEANING}"
        )
    return f"the keys of {found.readable} people open" + (", chosen by chance" if found.readable >= MOST_PEOPLE else "")


def _log(config: Config) -> str:
    """Whole at its end, remembered outside of the database, and no alarm; the rest is `idp audit verify`'s."""
    from idp.app import close_parts, open_parts
    from idp.audit.verify import Bad
    from idp.flows.log_accepted import standing, words
    from idp.flows.log_health import lag
    from idp.flows.log_memory import ADVICE, check, had
    from idp.flows.log_waiting import alarm
    from idp.flows.sequencer import log_signer

    parts = open_parts(config)
    try:
        size, waiting, kept = check(parts, log_signer(parts)).size, lag(parts), had(parts)
        but = standing(parts)
        if alarm(parts):
            raise Wrong(f"an alarm stands that nobody accepted: {ADVICE}")
    except Bad as bad:
        raise Wrong(f"{bad}; {ADVICE}") from None
    finally:
        close_parts(parts)
    if waiting > LAGGING or (size and not kept):
        raise Wrong(
            f"{waiting} events wait for their place, {kept} are remembered: is a worker running, and can it write beside the root key?"
        )
    text = f"{size} events in the tree, {waiting} waiting; the tree of {kept} is remembered"
    return text if but is None else f"{text}; {words(but.rows, but.count, but.what, but.at)}"


def _alerts(config: Config) -> str:
    """Rules that can be used; what they can't find for lack of a table of places is said, and that they stand still: that is no fault before
    anything is served."""
    from idp.app import close_parts, open_parts
    from idp.flows import alert_rules
    from idp.flows.log_health import standing
    from idp.places import open_places

    try:
        written, places = alert_rules.load_rules(config), open_places(config)
    except ConfigError as error:
        raise Wrong(str(error)) from None
    parts = open_parts(config)
    try:
        rules = alert_rules.at_work(alert_rules.held(parts, written, alert_rules.rows(parts)))
        since = standing(parts)
    finally:
        close_parts(parts)
    still = f"; none has looked at the events since {iso(since)}: is a worker running?" if since is not None else ""
    blind = sorted(name for name, rule in rules.items() if rule.travel is not None) if places is None else []
    table = f"; {', '.join(blind)} has no table of places (IDP_NETWORK_PLACES) and finds nothing" if blind else ""
    return f"{len(rules)} rules at work{still}{table}"


def _notices(config: Config) -> str:
    """Sign-up and recovery wait for codes that somebody has to send."""
    if config.outbox_page:
        return "shown on /outbox: a demonstration"
    missing = [n for n, url in (("IDP_SMTP_URL", config.smtp_url), ("IDP_SMS_URL", config.sms_url)) if not url]
    if len(missing) == 2:
        raise Wrong(
            "nothing sends codes and notices: set IDP_SMTP_URL or IDP_SMS_URL, or nobody can sign up or recover"
        )
    return "sent" + (f"; {missing[0]} is not set" if missing else "")


def _front(config: Config) -> str:
    """The issuer's own address must lead here, through whatever proxy and TLS stand in front."""
    document = json.loads(_fetch(config)[0])
    if document.get("issuer") != config.issuer:
        raise Wrong(f"{config.issuer} answers as {document.get('issuer')}: IDP_ISSUER and the proxy disagree")
    return "the public address leads here" + (" over TLS" if config.secure else "")


def _clock(config: Config) -> str:
    from idp.app import system_clock

    date = _fetch(config)[1]
    if not date:
        return "the front sends no Date header to compare with"
    skew = abs(parsedate_to_datetime(date).astimezone(UTC).timestamp() - system_clock() / 1_000_000)
    if skew > MAX_SKEW_S:
        raise Wrong(f"this machine's clock and the front's differ by {skew:.0f} s: synchronise them (NTP)")
    return f"within {max(skew, 1):.0f} s of the front's"


def _fetch(config: Config) -> tuple[bytes, str]:
    url = config.issuer + "/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  the configured issuer, https or loopback
            return answer.read(100_000), answer.headers.get("Date", "")
    except urllib.error.HTTPError as error:
        hint = "the proxy must pass the Host header on" if error.code == 421 else "does the proxy lead to `idp serve`?"
        raise Wrong(f"{url} answers {error.code}: {hint}") from error
    except OSError as error:
        raise Wrong(
            f"{url} can't be reached ({type(error).__name__}): is `idp serve` running, and TLS in front of it right?"
        ) from error
