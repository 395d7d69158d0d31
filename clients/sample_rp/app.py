"""One department app: sign in by authorization code with PKCE, show what was learned, compare a number, sign out, hear of sign-outs.

Read from the top: this is all a department needs to write.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import flask
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from requests import RequestException
from werkzeug.wrappers import Response

from clients.sample_rp.offices import OFFICES, Office
from clients.sample_rp.sealed import opened
from clients.sample_rp.texts import facts, proofs, texts
from clients.sample_rp.visits import Visit, Visits

TIMEOUT_S = 10
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Rp:
    """What the routes work with. ``yimen`` is Authlib's client of the provider."""

    office: Office
    issuer: str
    client_id: str
    base: str
    siblings: Mapping[str, str]
    visits: Visits
    yimen: Any
    decryption: ECKey | None = None
    checks: bool = False

    def here(self) -> Visit | None:
        """Who is signed in in this browser."""
        return self.visits.get(flask.session.get("visit"))

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page in the reader's language."""
        language = flask.request.accept_languages.best_match(["zh-Hans", "zh", "zh-CN", "en"], "zh-Hans")
        lang = "en" if language == "en" else "zh-Hans"
        links = [(OFFICES[k], url) for k, url in self.siblings.items() if k != self.office.key]
        own = {
            "name": lambda office: office.name_en if lang == "en" else office.name_zh,
            "service": lambda office: office.service_en if lang == "en" else office.service_zh,
            "facts": lambda userinfo: facts(userinfo, lang),
            "proofs": lambda userinfo: proofs(userinfo, lang),
        }
        words = {"t": texts(lang), "lang": lang, "siblings": links, "checks": self.checks}
        body = flask.render_template(template, office=self.office, **words, **own, **values)
        return flask.make_response(body, status)


def create_rp(
    office: Office,
    *,
    issuer: str,
    client_id: str,
    credential: Any,
    base: str,
    siblings: Mapping[str, str],
    decryption: ECKey | None = None,
    checks: bool = False,
) -> flask.Flask:
    """The app. ``credential``: the client secret, or the private key (JWK) for private_key_jwt; ``siblings``: office key → URL;
    ``decryption``: the private key that userinfo is encrypted to; ``checks``: whether it may compare a number, with its secret."""
    app = flask.Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's own provider has it
    # Ports do not separate cookies: every app on one host needs a name of its own.
    app.config.update(
        SESSION_COOKIE_NAME=f"rp-{office.key}", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax"
    )
    app.config["SESSION_COOKIE_SECURE"] = base.startswith("https://")
    yimen = _client(app, office, issuer, client_id, credential)
    rp = Rp(office, issuer, client_id, base, siblings, Visits(), yimen, decryption, checks)
    _signing_in(app, rp)
    if checks:
        _checking(app, rp, (client_id, credential))
    _signing_out(app, rp)
    # A logout is sent again by the provider, a citizen may try again.
    app.register_error_handler(RequestException, lambda _: rp.page("rp_error.html", 503, error="provider_unavailable"))
    app.after_request(lambda answer: _guarded(answer, issuer))
    return app


def _guarded(answer: Any, issuer: str) -> Any:
    """Headers of every answer. The provider may frame one address, to sign out (Front-Channel Logout §2); a form may end there."""
    framed = flask.request.path == "/frontchannel-logout"
    policy = {
        "default-src": "'none'",
        "img-src": "'self'",
        "style-src": "'self'",
        "form-action": f"'self' {issuer}",
        "base-uri": "'none'",
        "frame-ancestors": issuer if framed else "'none'",
    }
    answer.headers["Content-Security-Policy"] = "; ".join(f"{k} {v}" for k, v in policy.items())
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    if not flask.request.path.startswith("/static/"):
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _signing_in(app: flask.Flask, rp: Rp) -> None:
    @app.get("/")
    def home() -> Response:
        return rp.page("rp_home.html", visit=rp.here())

    @app.get("/login")
    def login() -> Any:
        more = {"claims": rp.office.claims} if rp.office.claims else {}
        return rp.yimen.authorize_redirect(rp.base + "/callback", nonce=secrets.token_urlsafe(16), **more)

    @app.get("/callback")
    def callback() -> Any:
        try:
            answer = _answered(rp)
        except Failed as failed:
            return rp.page("rp_error.html", 400, error=failed.error)
        previous = rp.here()
        if previous is not None:
            rp.visits.end(previous.key)
        # Nothing else of the session is touched: another tab may have a sign-in under way.
        visit = rp.visits.begin(answer.id_token, answer.claims, answer.userinfo, answer.raw)
        flask.session["visit"] = visit.key
        return flask.redirect("/", 303)


def _checking(app: flask.Flask, rp: Rp, own: tuple[str, str]) -> None:
    """Does this number match? The number travels from server to server (RFC 9126), never in an address; the answer is yes or no.

    ``own``: client id and secret, as HTTP Basic.
    """

    @app.post("/check")
    def check() -> Any:
        number = flask.request.form.get("number", "").strip()
        if rp.here() is None or not number:
            return flask.redirect("/", 303)
        claims = {"userinfo": {"national_id_matches": {"compare": number}}}
        made = rp.yimen.create_authorization_url(
            rp.base + "/checked",
            scope=f"openid service:{rp.office.check}",
            claims=json.dumps(claims),
            nonce=secrets.token_urlsafe(16),
        )
        metadata, form = rp.yimen.load_server_metadata(), dict(parse_qsl(urlsplit(made.pop("url")).query))
        endpoint = metadata["pushed_authorization_request_endpoint"]
        pushed = rp.yimen.post(endpoint, data=form, auth=own, withhold_token=True)
        if pushed.status_code != 201:
            return rp.page("rp_error.html", 400, error=pushed.json().get("error", "invalid_request"))
        rp.yimen.save_authorize_data(redirect_uri=rp.base + "/checked", **made)
        query = {"client_id": rp.client_id, "request_uri": pushed.json()["request_uri"]}
        return flask.redirect(f"{metadata['authorization_endpoint']}?{urlencode(query)}", 303)

    @app.get("/checked")
    def checked() -> Any:
        try:
            answer = _answered(rp)
        except Failed as failed:
            return rp.page("rp_error.html", 400, error=failed.error)
        visit = rp.here()
        if visit is None or visit.sub != answer.claims["sub"]:  # somebody else signed in on the way
            return rp.page("rp_error.html", 400, error="wrong_subject")
        # Without a verdict too many numbers were tried today.
        rp.visits.note_verdict(visit.key, answer.userinfo.get("national_id_matches"))
        return flask.redirect("/#checked", 303)


class Failed(Exception):
    """An authorization ended without an answer that may be believed. ``error``: a word for support."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authorization brought: ``id_token`` raw and its ``claims``; ``userinfo``, and ``raw`` the JWE that it came in, if it did."""

    id_token: str
    claims: dict[str, Any]
    userinfo: dict[str, Any]
    raw: str

    def __repr__(self) -> str:
        return "Answer(…)"


def _answered(rp: Rp) -> Answer:
    """Redeem the code of this request and ask who it is. Raises Failed."""
    if flask.request.args.get("iss") != rp.issuer:  # RFC 9207 §2.4: the answer must be from the provider that was asked
        raise Failed("invalid_issuer")
    try:
        token = rp.yimen.authorize_access_token()
    except OAuthError as error:
        raise Failed(error.error) from None
    claims = dict(token["userinfo"])
    try:
        userinfo, raw = _told(rp, token)
    except (JoseError, ValueError):
        raise Failed("invalid_userinfo") from None
    if userinfo.get("sub") != claims["sub"]:  # OpenID Connect Core §5.3.2
        raise Failed("wrong_subject")
    return Answer(token["id_token"], claims, userinfo, raw)


def _told(rp: Rp, token: Any) -> tuple[dict[str, Any], str]:
    """Userinfo, and the JWE that it came in (empty for JSON). Raises JoseError, ValueError for what is not from the provider to us."""
    answer = rp.yimen.get(rp.yimen.load_server_metadata()["userinfo_endpoint"], token=token)
    answer.raise_for_status()
    if rp.decryption is None:
        return dict(answer.json()), ""
    keys = KeySet.import_key_set(rp.yimen.fetch_jwk_set())
    return opened(answer.text, rp.decryption, keys, issuer=rp.issuer, client_id=rp.client_id), answer.text


def _signing_out(app: flask.Flask, rp: Rp) -> None:
    @app.post("/logout")
    def logout() -> Any:
        visit = rp.here()
        if visit is None:
            return flask.redirect("/", 303)
        rp.visits.end(visit.key)
        flask.session.pop("visit")
        if flask.request.form.get("where") != "everywhere":
            return flask.redirect("/", 303)
        address = rp.yimen.load_server_metadata()["end_session_endpoint"]
        # With its own id beside the hint it is sent back also when the provider withdrew the key that signed the hint.
        query = {
            "id_token_hint": visit.id_token,
            "client_id": rp.client_id,
            "post_logout_redirect_uri": rp.base + "/goodbye",
        }
        return flask.redirect(f"{address}?{urlencode(query)}", 303)

    @app.get("/goodbye")
    def goodbye() -> Response:
        return rp.page("rp_goodbye.html")

    @app.post("/backchannel-logout")
    def backchannel_logout() -> Response:
        """Back-Channel Logout §2.6: verify, then end that session here."""
        try:
            claims = _logout_claims(rp, flask.request.form.get("logout_token", ""))
        except (JoseError, ValueError):
            return flask.make_response({"error": "invalid_request"}, 400)
        if rp.visits.first_time(claims["jti"]):
            rp.visits.end_sid(claims["sid"])
        return flask.make_response("", 200, {"Cache-Control": "no-store"})

    @app.get("/frontchannel-logout")
    def frontchannel_logout() -> Response:
        """Front-Channel Logout §2: loaded in a frame of the provider's page."""
        if flask.request.args.get("iss") == rp.issuer:
            rp.visits.end_sid(flask.request.args.get("sid", ""))
        return flask.make_response("", 200, {"Cache-Control": "no-store"})


def _client(app: flask.Flask, office: Office, issuer: str, client_id: str, credential: Any) -> Any:
    oauth = OAuth(app)
    own_key = office.auth == "private_key_jwt"
    return oauth.register(
        "yimen",
        client_id=client_id,
        client_secret=credential,
        server_metadata_url=issuer + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": office.asked,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": office.auth,
            "default_timeout": TIMEOUT_S,
        },
        client_auth_methods=[ShortAssertion(issuer, alg="ES256")] if own_key else None,
    )


class ShortAssertion(PrivateKeyJWT):  # type: ignore[misc]  # Authlib has no types
    """``private_key_jwt`` for the issuer (FAPI 2.0 Security Profile §5.3.2.1) that lives a minute: Authlib's own lives an hour, which is refused."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        """A new assertion for each request (RFC 7523 §3)."""
        return private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            alg=self.alg,
            header={"kid": auth.client_secret.kid},
            expires_in=60,
        )


def _logout_claims(rp: Rp, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(rp.yimen.fetch_jwk_set(force=True))
    decoded = jwt.decode(token, keys, algorithms=[rp.office.alg])
    claims = dict(decoded.claims)
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": rp.issuer},
        aud={"essential": True, "value": rp.client_id},
        exp={"essential": True},
        jti={"essential": True},
        sid={"essential": True},
    ).validate(claims)
    if decoded.header.get("typ") != "logout+jwt" or EVENT not in claims.get("events", {}) or "nonce" in claims:
        raise ValueError("not a logout token")
    return claims
