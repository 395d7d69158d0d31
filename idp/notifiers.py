"""Sending notices: e-mail by SMTP, text messages by an HTTP gateway. Chosen by URL; neither set: messages wait in the outbox."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from clients.outbound import Limits, Outbound, OutboundError
from idp.config import Config, ConfigError
from idp.ports import Notifier

TIMEOUT_S = 10
Send = Callable[[str, str, str], None]


class Notifiers:
    """Sends on the channel asked for (``email`` or ``phone``)."""

    def __init__(self, email: Send | None, phone: Send | None) -> None:
        self._by_channel = {"email": email, "phone": phone}

    def send(self, channel: str, to: str, subject: str, body: str) -> None:
        """Raises OSError when it could not be handed over, or nothing is set up for the channel."""
        send = self._by_channel.get(channel)
        if send is None:
            raise OSError(f"nothing sends on the channel {channel}")
        send(to, subject, body)


def open_notifier(config: Config, outbound: Outbound) -> Notifier | None:
    """By ``IDP_SMTP_URL`` and ``IDP_SMS_URL``; None when neither is set. Raises ConfigError."""
    if not config.smtp_url and not config.sms_url:
        return None
    email = smtp(config.smtp_url) if config.smtp_url else None
    return Notifiers(email, gateway(config.sms_url, outbound) if config.sms_url else None)


def smtp(url: str) -> Send:
    """``smtps://user:password@host:465/?from=…`` or ``smtp://…:587`` (STARTTLS, demanded beyond loopback)."""
    where = urlsplit(url)
    sender = parse_qs(where.query).get("from", [""])[0]
    if where.scheme not in ("smtp", "smtps") or not where.hostname or not sender:
        raise ConfigError("IDP_SMTP_URL must look like smtps://user:password@host:465/?from=no-reply@example.gov")
    host, local = where.hostname, where.hostname in ("localhost", "127.0.0.1", "::1")

    def send(to: str, subject: str, body: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message.set_content(body)
        try:
            with _connected(where.scheme, host, where.port, local) as server:
                if where.username:
                    server.login(unquote(where.username), unquote(where.password or ""))
                server.send_message(message)
        except smtplib.SMTPException as error:
            raise OSError(f"the mail server refused: {type(error).__name__}") from None

    return send


def _connected(scheme: str, host: str, port: int | None, local: bool) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
    if not local:
        server.starttls(context=context)
    return server


def gateway(url: str, outbound: Outbound) -> Send:
    """POST ``{"to", "text"}`` as JSON to the gateway; any 2xx is success."""

    def send(to: str, subject: str, body: str) -> None:
        text = msgspec.json.encode({"to": to, "text": f"{subject}\n{body}" if subject else body})
        try:
            answer = outbound.post(url, text, "application/json", Limits(total_s=TIMEOUT_S))
        except OutboundError as error:
            raise OSError(f"the gateway can't be reached: {error.reason}") from None
        if not 200 <= answer.status < 300:
            raise OSError(f"the gateway answered {answer.status}")

    return send
