"""Cookie names and flags: ``__Host-`` and Secure on https; plain names of our own on loopback http (ports do not separate cookies)."""

from idp.config import Config

SESSION, BROWSER, LANGUAGE = "session", "browser", "language"


def name(config: Config, kind: str) -> str:
    """``__Host-yimen-session`` on https, ``yimen-session`` on loopback."""
    return f"__Host-yimen-{kind}" if config.secure else f"yimen-{kind}"


def set_cookie(config: Config, kind: str, value: str, max_age_s: int | None = None) -> tuple[str, str]:
    """The Set-Cookie header. Without ``max_age_s`` the cookie ends with the browser."""
    age = f"; Max-Age={max_age_s}" if max_age_s is not None else ""
    secure = "; Secure" if config.secure else ""
    return "Set-Cookie", f"{name(config, kind)}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"


def clear_cookie(config: Config, kind: str) -> tuple[str, str]:
    """Forget the cookie."""
    return set_cookie(config, kind, "", 0)
