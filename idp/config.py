"""Frozen configuration from the environment; unsafe mixes are refused before anything starts.

Every field documents itself through ``field(...)`` metadata, which ``idp config show`` prints. Secrets may be given as ``NAME_FILE``.
Settings are read once, by :func:`load`, never at import.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "IDP_"


class ConfigError(Exception):
    """The configuration can't be used; the text says which name and why, never a secret's value."""


def _f(default: Any, doc: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"doc": doc, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one provider. Durations in seconds unless the name says otherwise."""

    issuer: str = _f("", "Public base URL of the provider, without a trailing slash; https, or http on loopback")
    database_url: str = _f("sqlite:///var/yimen.db", "Main store: sqlite:///path or postgresql://", secret=True)
    keyring_url: str = _f("sqlite:///var/keyring.db", "Citizens' wrapped keys: a store of its own", secret=True)
    volatile_url: str = _f("sqlite:///var/volatile.db", "Short-lived state: sqlite:///path or redis://", secret=True)
    keys_url: str = _f(
        "file:///var/lib/yimen/keys",
        "Root key backend: file:///directory, or a token: pkcs11:token=…;object=…?module-path=…&pin-source=…",
    )
    sealing: str = _f(
        "aes", "What new values are sealed with: aes (AES-256-GCM, SHA-256) or sm (SM4-GCM, SM3); all are read"
    )
    trusted_proxies: tuple[str, ...] = _f((), "Networks whose forwarded headers are believed, comma separated")
    outbound_allow: tuple[str, ...] = _f((), "Hosts and networks that back-channel calls may reach although private")
    outbound_ca: str = _f("", "PEM file of the CA that outbound TLS trusts instead of the system's")
    encrypt: str = _f("sensitive", "Attributes that leave only encrypted to the client: sensitive, or all")
    client_key_hold: int = _f(
        0, "Sensitive attributes wait so long after a client's encryption key changed, or for `idp clients confirm-key`"
    )
    jwks_max_age: int = _f(900, "How long clients may cache the JWKS; a key is public this long before first use")
    code_ttl: int = _f(60, "Life of an authorization code")
    access_token_ttl: int = _f(600, "Life of an access token")
    id_token_ttl: int = _f(600, "Life of an ID token")
    refresh_ttl: int = _f(30 * 86400, "Life of a refresh token family")
    refresh_idle: int = _f(14 * 86400, "A refresh token ends after so long without use")
    session_idle: int = _f(3600, "A session ends after so long without use")
    session_max: int = _f(12 * 3600, "A session ends so long after sign-in")
    interaction_ttl: int = _f(3600, "How long a started sign-in may take")
    pending_per_address: int = _f(
        6000, "KiB of started sign-ins and logouts that one network may leave behind in ten minutes"
    )
    pending_total: int = _f(200_000, "KiB of started sign-ins and logouts that all may leave behind in ten minutes")
    par_ttl: int = _f(90, "Life of a pushed authorization request until first use")
    require_par: bool = _f(False, "Every client must push its authorization requests (RFC 9126)")
    trust_framework: str = _f(
        "",
        "Name of the trust framework of verified claims, with a domain in it; empty: the issuer and /trust-framework",
    )
    open_registration: bool = _f(False, "POST /register without an initial access token")
    password_min: int = _f(15, "Least password length in characters without a second factor")
    password_min_2fa: int = _f(8, "Least password length in characters with a second factor")
    password_breached_file: str = _f("", "Sorted file of SHA-1 hashes of breached passwords (offline)")
    argon2_memory_kib: int = _f(19456, "Argon2id memory per hash, KiB")
    argon2_passes: int = _f(2, "Argon2id passes")
    hash_threads: int = _f(0, "Parallel password hashes per process; 0: one per core")
    hash_queue: int = _f(
        32,
        "Password hashes waiting at most, per process; more are refused with 503. `serve` lowers it to leave threads free",
    )
    erasure_days: int = _f(30, "Days between a citizen's wish to be deleted and the deletion; signing in cancels it")
    reveal_delay: int = _f(
        30 * 86400,
        "When staff were shown who somebody is, the citizen reads of it so long after the approval (lawful secrecy); 0: at once",
    )
    default_locale: str = _f("zh-Hans", "Language when nothing else chooses: zh-Hans or en")
    outbox_page: bool = _f(False, "Show sent messages on /outbox (demonstration only; loopback issuers)")
    smtp_url: str = _f("", "smtp://user:password@host:port/?from=… for notices by e-mail", secret=True)
    sms_url: str = _f("", "HTTP gateway for notices by phone", secret=True)
    log_origin: str = _f("", "The audit log's name in its checkpoints; empty: the issuer without its scheme, and /log")
    log_checkpoint_file: str = _f(
        "",
        "Where the newest checkpoint is remembered, outside of the database; empty: log.checkpoint beside the root key",
    )
    log_alarm: str = _f(
        "stop", "When the audit log is not the one that was remembered: stop (issue nothing) or continue (alarm alone)"
    )
    log_witnesses: tuple[str, ...] = _f((), "Witnesses that cosign checkpoints, each VKEY@URL (C2SP tlog-witness)")
    log_receivers: tuple[str, ...] = _f(
        (), "Where checkpoints are sent: file:///path, syslog://host:port, syslogs://host:port, https://…"
    )
    log_sinks: tuple[str, ...] = _f(
        (),
        "Where every event is streamed: file:///path, syslog(s)://host:port or https://…, each with ?format=json, ocsf, ecs or cef",
        secret=True,
    )
    log_alerts: str = _f("", "File of alert rules (TOML); empty: the starter set, which `idp alerts rules` prints")
    network_places: str = _f(
        "",
        "Where networks are, for the alert rule impossible-travel: a CSV file network,latitude,longitude,name; empty: no address is opened for it",
    )
    log_alerts_to: tuple[str, ...] = _f(
        (), "Who hears of alerts: mailto:address, https://…, syslog(s)://host:port or file:///path", secret=True
    )
    log_retention: tuple[str, ...] = _f(
        ("session=184", "account=1096"),
        "Days that personal details of events are kept, by class; `idp audit purge` destroys older ones",
    )
    log_address_days: int = _f(
        183,
        "Days that events can be found by network address, at least: the index's key of each month is destroyed then",
    )
    management_bind: str = _f("127.0.0.1:9000", "Address of /health and /metrics")
    log_level: str = _f("info", "debug, info, warning or error")

    @property
    def hashing_threads(self) -> int:
        """``hash_threads``, or one for each core that this process may use."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.hash_threads or usable or 1

    @property
    def secure(self) -> bool:
        """Cookies are Secure and __Host- exactly when the issuer is https."""
        return self.issuer.startswith("https://")

    @property
    def log_name(self) -> str:
        """The audit log's name in its checkpoints: the issuer without its scheme, and ``/log`` (C2SP tlog-tiles, Parameters)."""
        return self.log_origin or f"{self.host}/log"

    @property
    def framework(self) -> str:
        """What verified claims call their trust framework (OpenID Connect for Identity Assurance §11: with a domain of the house's own)."""
        return self.trust_framework or f"{self.issuer}/trust-framework"

    @property
    def suite(self) -> int:
        """The suite of ``keys.purpose`` that new values are sealed with."""
        return SEALINGS[self.sealing]

    @property
    def host(self) -> str:
        """The only Host header that is answered."""
        return urlsplit(self.issuer).netloc


def names() -> dict[str, str]:
    """Environment name → field name."""
    return {PREFIX + f.name.upper(): f.name for f in fields(Config)}


def load(environ: Mapping[str, str], **override: Any) -> Config:
    """Read ``IDP_*`` (and ``IDP_*_FILE``) from ``environ``; ``override`` wins.

    Raises ConfigError for an unknown name, a malformed value or an unsafe mix.
    """
    known, values = names(), dict[str, Any]()
    for name, raw in environ.items():
        if not name.startswith(PREFIX):
            continue
        base = name.removesuffix("_FILE") if name not in known and name.endswith("_FILE") else name
        if base not in known:
            raise ConfigError(f"{name} is not a setting of Yimen; unset it, then `idp config show` lists them all")
        if base != name and base in environ:
            raise ConfigError(f"{base} and {name} are both set; keep one")
        text = raw if base == name else _read(name, raw)
        values[known[base]] = _parse(base, known[base], text)
    config = Config(**{**values, **override})
    _refuse_malformed(config)
    _refuse_unsafe(config)
    return config


def sources(environ: Mapping[str, str]) -> dict[str, str]:
    """Field name → ``environment``, ``file`` or ``default``, for ``idp config show``."""
    return {
        f: "environment" if n in environ else "file" if n + "_FILE" in environ else "default"
        for n, f in names().items()
    }


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{name}: the file can't be read ({error.strerror})") from error


def _parse(env: str, name: str, text: str) -> Any:
    default = next(f.default for f in fields(Config) if f.name == name)
    if isinstance(default, bool):
        if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
            raise ConfigError(f"{env} must be true or false")
        return text.lower() in ("true", "1", "yes")
    if isinstance(default, int):
        if not text.isascii() or not text.isdigit():
            raise ConfigError(f"{env} must be a whole number")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())
    return text


def loopback(host: str | None) -> bool:
    """Whether a host name or literal means this machine alone."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


STORES = ("sqlite:///", "postgresql://", "postgres://")
CACHES = ("sqlite:///", "redis://", "rediss://", "unix://")
LOG_ALARMS = ("stop", "continue")
ENCRYPTED = ("sensitive", "all")
SEALINGS = {"aes": 1, "sm": 2}
"""Setting → suite of ``keys.purpose``."""
LOG_LEVELS = ("debug", "info", "warning", "error")


def _refuse_malformed(config: Config) -> None:
    """What a part would stumble over later is named here, without its value: it may hold a password."""
    for name, url, begins in (
        ("IDP_DATABASE_URL", config.database_url, STORES),
        ("IDP_KEYRING_URL", config.keyring_url, STORES),
        ("IDP_VOLATILE_URL", config.volatile_url, CACHES),
    ):
        if not url.startswith(begins) or url in begins:
            raise ConfigError(f"{name} must begin with one of {', '.join(begins)}")
    for network in config.trusted_proxies:
        if not _is_network(network):
            raise ConfigError(f"IDP_TRUSTED_PROXIES: {network} is no address or network")
    for entry in config.outbound_allow:
        if "/" in entry and not _is_network(entry):
            raise ConfigError(f"IDP_OUTBOUND_ALLOW: {entry} is no host, address or network")
    if config.outbound_ca and not Path(config.outbound_ca).is_file():
        raise ConfigError(f"IDP_OUTBOUND_CA: there is no file {config.outbound_ca}")
    _refuse_names(config)
    for name, word, words in (
        ("IDP_LOG_LEVEL", config.log_level, LOG_LEVELS),
        ("IDP_LOG_ALARM", config.log_alarm, LOG_ALARMS),
        ("IDP_SEALING", config.sealing, SEALINGS),
        ("IDP_ENCRYPT", config.encrypt, ENCRYPTED),
    ):
        if word not in words:
            raise ConfigError(f"{name} must be one of {', '.join(words)}")
    host, _, port = config.management_bind.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError("IDP_MANAGEMENT_BIND must be HOST:PORT")


def _refuse_names(config: Config) -> None:
    for name, text, like in (
        ("IDP_LOG_ORIGIN", config.log_origin, "id.example.gov/log-2"),
        ("IDP_TRUST_FRAMEWORK", config.trust_framework, "https://id.example.gov/trust-framework"),
    ):
        if not _is_name(text):
            raise ConfigError(f"{name} must be like {like}: up to 200 ASCII characters without spaces or +")


def _is_name(text: str) -> bool:
    """A name as a signed note bears it (C2SP signed-note)."""
    return len(text) <= 200 and text.isascii() and text.isprintable() and not any(c in " +" for c in text)


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _refuse_days(config: Config) -> None:
    if not 1 <= config.erasure_days <= 90:
        raise ConfigError("IDP_ERASURE_DAYS must be 1 to 90 (GDPR art. 12(3): a month, two more where it is complex)")
    if not 31 <= config.log_address_days <= 3650:
        raise ConfigError("IDP_LOG_ADDRESS_DAYS must be 31 to 3650")


def _refuse_unsafe(config: Config) -> None:
    if not config.issuer:
        raise ConfigError("IDP_ISSUER is required: the provider's public URL, for example https://id.example.gov")
    try:
        url = urlsplit(config.issuer)
        _ = url.port
    except ValueError:
        raise ConfigError("IDP_ISSUER is no URL") from None
    if url.scheme not in ("https", "http") or not url.hostname or url.query or url.fragment or url.username:
        raise ConfigError("IDP_ISSUER must be an https URL without query, fragment or user (RFC 8414 §2)")
    if config.issuer.endswith("/") or url.path:
        raise ConfigError("IDP_ISSUER must have no path and no trailing slash")
    if url.scheme == "http" and not loopback(url.hostname):
        raise ConfigError("IDP_ISSUER may be http on loopback only; use https")
    if config.outbox_page and not loopback(url.hostname):
        raise ConfigError("IDP_OUTBOX_PAGE shows one-time codes; it is for loopback issuers only")
    if config.database_url == config.keyring_url:
        raise ConfigError("IDP_KEYRING_URL must be another store than IDP_DATABASE_URL")
    _refuse_out_of_bounds(config)


def _refuse_out_of_bounds(config: Config) -> None:
    if not 1 <= config.code_ttl <= 600:
        raise ConfigError("IDP_CODE_TTL must be 1 to 600 seconds (RFC 6749 §4.1.2)")
    _refuse_days(config)
    if config.reveal_delay > 366 * 86400:
        raise ConfigError("IDP_REVEAL_DELAY must be at most 366 days: what citizens are never told is no record")
    if config.password_min < 8 or config.password_min_2fa < 8:
        raise ConfigError("passwords shorter than 8 characters are never allowed (SP 800-63B §3.1.1)")
    if config.default_locale not in ("zh-Hans", "en"):
        raise ConfigError("IDP_DEFAULT_LOCALE must be zh-Hans or en")
