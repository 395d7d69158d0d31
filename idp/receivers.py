"""Where checkpoints and events go beside the database: a file, syslog (RFC 5424 over TCP or TLS), an HTTP receiver. Chosen by URL."""

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit, urlunsplit

from clients.outbound import Limits, Outbound, OutboundError
from idp.audit.siem import FORMATS
from idp.config import Config, ConfigError
from idp.ports import Notifier

TIMEOUT_S = 5.0
FACILITY_AUDIT, NOTICE = 13, 5
NDJSON = "application/x-ndjson"
Send = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class To:
    """Implements ``flows.log_keeper.Receiver``."""

    name: str
    deliver: Send

    def send(self, checkpoint: str, now: int) -> None:
        """Hand over; ``now`` microseconds. Raises OSError."""
        self.deliver(checkpoint, now)


def open_receivers(config: Config, outbound: Outbound) -> list[To]:
    """By ``IDP_LOG_RECEIVERS``. Raises ConfigError."""
    return [To(_named(url), _receiver(url, config, outbound)) for url in config.log_receivers]


@dataclass(frozen=True, slots=True)
class Sink:
    """Implements ``flows.log_stream.Sink``: gets every event, in the order of the log."""

    name: str
    format: str
    deliver: Callable[[Sequence[str], int], None]

    def send(self, lines: Sequence[str], now: int) -> None:
        """Hand over whole lines, all or an error; ``now`` microseconds. Raises OSError."""
        self.deliver(lines, now)


def open_sinks(config: Config, outbound: Outbound) -> list[Sink]:
    """By ``IDP_LOG_SINKS``. Raises ConfigError."""
    found = [_sink(url, config, outbound) for url in config.log_sinks]
    if len({sink.name for sink in found}) < len(found):
        raise ConfigError("IDP_LOG_SINKS names one address in one format twice")
    return found


def open_alert_sinks(config: Config, outbound: Outbound, notifier: Notifier | None) -> list[Sink]:
    """By ``IDP_LOG_ALERTS_TO``: as sinks, and by e-mail. Raises ConfigError."""
    found = []
    for url in config.log_alerts_to:
        kind, _, address = url.partition(":")
        if kind != "mailto":
            found.append(_sink(url, config, outbound))
        elif notifier is None or not config.smtp_url or "@" not in address:
            raise ConfigError("IDP_LOG_ALERTS_TO: mail needs IDP_SMTP_URL and an address")
        else:
            found.append(Sink(f"mailto:{address}", "json", _mail(notifier, address)))
    return found


def _mail(notifier: Notifier, address: str) -> Callable[[Sequence[str], int], None]:
    def send(lines: Sequence[str], _: int) -> None:
        notifier.send("email", address, f"Yimen: {len(lines)} alert(s)", "\n".join(lines))

    return send


def _sink(url: str, config: Config, outbound: Outbound) -> Sink:
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    format_ = asked.pop("format", ["json"])[-1]
    if format_ not in FORMATS:
        raise ConfigError(f"IDP_LOG_SINKS: format must be one of {', '.join(FORMATS)}")
    plain = urlunsplit(parts._replace(query=urlencode(asked, doseq=True)))
    name = f"{_named(url)}{parts.path if parts.scheme.startswith('http') else ''}?{format_}"
    if parts.scheme == "file" and parts.path:
        path = Path(unquote(parts.path))
        return Sink(name, format_, lambda lines, _: append(path, "".join(f"{line}\n" for line in lines), end=""))
    if parts.scheme in ("syslog", "syslogs") and parts.hostname:
        address, context = _syslog(parts, config)
        sender = config.host
        return Sink(
            name,
            format_,
            lambda lines, now: syslog(address, context, *(message(line, sender, "event", now) for line in lines)),
        )
    if parts.scheme in ("https", "http") and parts.hostname:
        return Sink(name, format_, lambda lines, _: post(outbound, plain, "\n".join(lines) + "\n", NDJSON))
    raise ConfigError(
        "IDP_LOG_SINKS must hold addresses like file:///path, syslogs://host:6514?format=cef or https://…?format=ocsf"
    )


def _syslog(parts: SplitResult, config: Config) -> tuple[tuple[str, int], ssl.SSLContext | None]:
    """Address and, for ``syslogs``, TLS."""
    secure = parts.scheme == "syslogs"
    context = ssl.create_default_context(cafile=config.outbound_ca or None) if secure else None
    return (parts.hostname or "", parts.port or (6514 if secure else 601)), context


def _named(url: str) -> str:
    """Without what may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path if parts.scheme == 'file' else ''}"


def _receiver(url: str, config: Config, outbound: Outbound) -> Send:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return lambda text, _: append(Path(unquote(parts.path)), text)
    if parts.scheme in ("syslog", "syslogs") and parts.hostname:
        address, context = _syslog(parts, config)
        sender = config.host
        return lambda text, now: syslog(address, context, message(text, sender, "checkpoint", now))
    if parts.scheme in ("https", "http") and parts.hostname:
        return lambda text, _: post(outbound, url, text)
    raise ConfigError(
        "IDP_LOG_RECEIVERS must hold addresses like file:///path, syslogs://host:6514 or https://host/path"
    )


def append(path: Path, text: str, end: str = "\n") -> None:
    """One text behind the other, checkpoints with an empty line between: on disk when it returns. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + end)
        file.flush()
        os.fsync(file.fileno())


def message(text: str, host: str, kind: str, now: int) -> bytes:
    """RFC 5424 §6, UTF-8 with a BOM (§6.4): one line, whatever the text holds."""
    time = datetime.fromtimestamp(now / 1_000_000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    name = "".join(c if "!" <= c <= "~" else "-" for c in host)[:255] or "-"
    line = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"<{FACILITY_AUDIT * 8 + NOTICE}>1 {time} {name} yimen - {kind} - \ufeff{line}".encode()


def syslog(address: tuple[str, int], context: ssl.SSLContext | None, *messages: bytes) -> None:
    """RFC 6587 §3.4.1 and RFC 5425 §4.3: each message behind its length, over TCP or TLS. Raises OSError."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as plain:
        if context is None:
            _send(plain, messages)
            return
        with context.wrap_socket(plain, server_hostname=address[0]) as secure:
            _send(secure, messages)


def _send(line: socket.socket, messages: tuple[bytes, ...]) -> None:
    for each in messages:
        line.sendall(f"{len(each)} ".encode() + each)


def post(outbound: Outbound, url: str, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
    """POST; any 2xx is success. Raises OSError."""
    try:
        answer = outbound.post(url, text.encode(), content_type, Limits(total_s=TIMEOUT_S))
    except OutboundError as error:
        raise OSError(f"the receiver can't be reached: {error.reason}") from None
    if not 200 <= answer.status < 300:
        raise OSError(f"the receiver answered {answer.status}")
