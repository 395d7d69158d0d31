"""Root and signing keys in a hardware module: ``IDP_KEYS_URL=pkcs11:token=NAME;object=NAME?module-path=/path.so&pin-source=file:/path`` (RFC 7512).

Keys are made on the token, sensitive and not extractable: they never leave it. The root key is AES-256; wrapped value = format u8 ‖
fingerprint 8 ‖ iv 12 ‖ AES-256-GCM under the label. A signing key's row holds format u8 ‖ fingerprint 8 ‖ object id 16 in its place.
The PIN stands in a file, never in the URL. A process asks the token one thing at a time; more processes ask more.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import parse_qsl, unquote

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import (
    EncryptedDataInvalid,
    EncryptedDataLenRange,
    GeneralError,
    NoSuchKey,
    NoSuchToken,
    PinIncorrect,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.util.ec import encode_named_curve_parameters

from keys.errors import BackendDown, KeysError, MissingKey, SealBroken, WrongRootKey
from keys.file_backend import check_private
from keys.ports import Entropy, PublicKey

T = TypeVar("T")
_WRAP_FORMAT: Final = b"\x02"
_REFERENCE_FORMAT: Final = b"\x03"
_PRINT_BYTES: Final = 8
_IV_BYTES: Final = 12
_ID_BYTES: Final = 16
_ED25519: Final = "1.3.101.112"
_PRINT_BLOCK: Final = hashlib.sha256(b"yimen-root-fingerprint/1").digest()[:16]
_HELD: Final[Mapping[Attribute, bool]] = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
}


class Place:
    """What the URL names. Its ``repr`` shows token and object alone."""

    __slots__ = ("label", "module", "pin_file", "token")

    def __init__(self, url: str) -> None:
        path, _, query = url.removeprefix("pkcs11:").partition("?")
        named = dict(part.partition("=")[::2] for part in path.split(";"))
        asked = dict(parse_qsl(query))
        if "pin-value" in asked:
            raise KeysError(
                "the keys URL must not hold the PIN; put it into a file and name that as pin-source=file:/path"
            )
        self.token, self.label = unquote(named.get("token", "")), unquote(named.get("object", ""))
        self.module, source = asked.get("module-path", ""), asked.get("pin-source", "")
        if not (self.token and self.label and self.module) or not source.startswith("file:/"):
            raise KeysError("the keys URL must look like pkcs11:token=…;object=…?module-path=/….so&pin-source=file:/…")
        self.pin_file = Path(unquote(source.removeprefix("file:")).removeprefix("//"))

    def __repr__(self) -> str:
        return f"Place({self.token}, {self.label})"

    def pin(self) -> str:
        """Raises ``MissingKey`` (no file) or ``WrongRootKey`` (open to others)."""
        try:
            check_private(self.pin_file, self.pin_file.stat(), "0600")
            return self.pin_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise MissingKey(f"no PIN at {self.pin_file}") from None


class _Held:
    """A session that is logged in, with the objects found in it."""

    __slots__ = ("keys", "session")

    def __init__(self, session: Any) -> None:
        self.session = session
        self.keys: dict[tuple[ObjectClass, bytes], Any] = {}

    def key(self, kind: ObjectClass, at: Mapping[Attribute, Any]) -> Any:
        """The one object of that kind and label or id. Raises ``pkcs11.NoSuchKey``."""
        place = (kind, repr(sorted(at.items())).encode())
        if place not in self.keys:
            found = list(self.session.get_objects({Attribute.CLASS: kind, **at}))
            if len(found) != 1:
                raise NoSuchKey
            self.keys[place] = found[0]
        return self.keys[place]


_ONE_AT_A_TIME: Final = threading.RLock()
"""The library initialises modules without their own locking (PKCS #11 §5.4): a process asks them one thing at a time."""


_OPEN: Final[dict[tuple[str, str], list["Sessions"]]] = {}
"""Who uses the process's session with a token (module, label). A login is the process's, not the session's, and ends for everybody with the session
that made it (PKCS #11 §5.6): so there is one, which whoever leaves last closes."""


class Sessions:
    """A use of the process's session with one token; a session that breaks is replaced once. To be closed."""

    def __init__(self, place: Place) -> None:
        self._place, self._at = place, (place.module, place.token)
        with _ONE_AT_A_TIME:
            others, pin = _OPEN.get(self._at), place.pin()
            self._held: _Held = others[0]._held if others else self._logged_in(pin)
            _OPEN.setdefault(self._at, []).append(self)

    def close(self) -> None:
        """Log out and close the session, where nobody else uses it."""
        with _ONE_AT_A_TIME:
            users = _OPEN.get(self._at, [])
            if self not in users:
                return
            users.remove(self)
            if not users:
                del _OPEN[self._at]
                with suppress(PKCS11Error):  # it broke, and is gone
                    self._held.session.close()

    def _renew(self) -> None:
        held = self._logged_in(self._place.pin())
        for user in _OPEN.get(self._at, []):
            user._held = held

    def _logged_in(self, pin: str) -> _Held:
        place = self._place
        try:
            token = pkcs11.lib(place.module).get_token(token_label=place.token)
            try:
                return _Held(token.open(rw=True, user_pin=pin))
            except UserAlreadyLoggedIn:  # a login is the process's, not the session's (PKCS #11 §5.6)
                return _Held(token.open(rw=True))
        except NoSuchToken:
            raise MissingKey(f"no token {place.token} in {place.module}") from None
        except PinIncorrect:
            raise WrongRootKey(f"the PIN in {place.pin_file} is not that of token {place.token}") from None
        except (PKCS11Error, RuntimeError) as error:
            raise BackendDown(f"the module {place.module} can't be used: {type(error).__name__}") from None

    def use(self, work: Callable[[_Held], T]) -> T:
        """``work`` with the session; once more with a fresh one when it broke. Raises ``BackendDown``."""
        with _ONE_AT_A_TIME:
            if self not in _OPEN.get(self._at, []):
                raise BackendDown("the session with the token is closed")
            try:
                return work(self._held)
            except _ANSWERS:
                raise
            except PKCS11Error:
                self._renew()
            try:
                return work(self._held)
            except _ANSWERS:
                raise
            except PKCS11Error as error:
                raise BackendDown(f"the token did not answer: {type(error).__name__}") from error


_ANSWERS: Final = (NoSuchKey, EncryptedDataInvalid, EncryptedDataLenRange)
"""What the token says about what was asked, not about itself."""


class Pkcs11Root:
    """Sealer and maker of signing keys over a token. Its ``repr`` shows the fingerprint alone."""

    __slots__ = ("_label", "_print", "_sessions")

    def __init__(self, sessions: Sessions, label: str) -> None:
        self._sessions, self._label = sessions, label
        self._print: bytes = sessions.use(
            lambda held: bytes(self._root(held).encrypt(_PRINT_BLOCK, mechanism=Mechanism.AES_ECB)[:_PRINT_BYTES])
        )

    def __repr__(self) -> str:
        return f"Pkcs11Root({self.fingerprint()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a root key is not serialised")

    def _root(self, held: _Held) -> Any:
        return held.key(ObjectClass.SECRET_KEY, {Attribute.LABEL: self._label})

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits: a key check value."""
        return self._print.hex()

    def close(self) -> None:
        """See ``keys.ports.Sealer``."""
        self._sessions.close()

    def wrap(self, label: bytes, plain: bytes) -> bytes:
        """Seals another key under this root, on the token."""

        def work(held: _Held) -> bytes:
            iv = held.session.generate_random(_IV_BYTES * 8)
            sealed = self._root(held).encrypt(
                plain, mechanism=Mechanism.AES_GCM, mechanism_param=pkcs11.GCMParams(iv, label, 128)
            )
            return bytes(iv + sealed)

        return _WRAP_FORMAT + self._print + self._sessions.use(work)

    def unwrap(self, label: bytes, wrapped: bytes) -> bytes:
        """Opens what ``wrap`` made; see ``keys.ports.Sealer``."""
        body = self._body(wrapped, _WRAP_FORMAT)
        if len(body) <= _IV_BYTES + 16:
            raise SealBroken("a wrapped key is damaged")
        iv, sealed = body[:_IV_BYTES], body[_IV_BYTES:]

        def work(held: _Held) -> bytes | None:
            try:
                parameters = pkcs11.GCMParams(iv, label, 128)
                return bytes(self._root(held).decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=parameters))
            except (GeneralError, EncryptedDataInvalid, EncryptedDataLenRange):
                # Modules differ in what they call a wrong tag; one that is down fails here too.
                self._root(held).encrypt(_PRINT_BLOCK, mechanism=Mechanism.AES_ECB)
                return None

        plain = self._sessions.use(work)
        if plain is None:
            raise SealBroken("a wrapped key is damaged or stands in another key's place")
        return plain

    def _body(self, stored: bytes, wanted: bytes) -> bytes:
        head = 1 + _PRINT_BYTES
        if len(stored) <= head or stored[:1] not in (b"\x01", _WRAP_FORMAT, _REFERENCE_FORMAT):
            raise SealBroken("a wrapped key is damaged")
        if not hmac.compare_digest(stored[1:head], self._print):
            raise WrongRootKey(
                f"a key was wrapped by root {stored[1:head].hex()}, the open root is {self.fingerprint()}"
            )
        if stored[:1] != wanted:
            raise SealBroken("a wrapped key is damaged")
        return stored[head:]

    # Signing keys ---------------------------------------------------------------------------------------------------

    def generate(self, alg: str, rsa_bits: int) -> tuple[PublicKey, bytes]:
        """A key pair made on the token: its public half, and the reference that the row keeps."""

        def work(held: _Held) -> tuple[PublicKey, bytes]:
            name = bytes(held.session.generate_random(_ID_BYTES * 8))
            more: dict[str, Any] = {
                "id": name, "label": f"yimen {alg}", "store": True, "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
                "private_template": dict(_HELD),
            }  # fmt: skip
            if alg in ("RS256", "PS256"):
                public, _ = held.session.generate_keypair(KeyType.RSA, rsa_bits, **more)
                return _rsa_public(public), name
            ed = alg == "Ed25519"
            curve = encode_named_curve_parameters(_ED25519 if ed else "secp256r1")
            domain = held.session.create_domain_parameters(
                KeyType.EC_EDWARDS if ed else KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True
            )
            made = Mechanism.EC_EDWARDS_KEY_PAIR_GEN if ed else Mechanism.EC_KEY_PAIR_GEN
            public, _ = domain.generate_keypair(mechanism=made, **more)
            return _point_public(bytes(public[Attribute.EC_POINT]), ed=ed), name

        public, name = self._sessions.use(work)
        return public, _REFERENCE_FORMAT + self._print + name

    def signing(self, alg: str, reference: bytes) -> Callable[[bytes], bytes]:
        """The function that signs with the key of that reference, on the token (RFC 7518 §3). Raises ``MissingKey`` and its kin."""
        place = {Attribute.ID: self._body(reference, _REFERENCE_FORMAT)}
        try:
            self._sessions.use(lambda held: held.key(ObjectClass.PRIVATE_KEY, place))
        except NoSuchKey:
            raise MissingKey("a signing key is not on the token") from None

        def sign(data: bytes) -> bytes:
            return self._sessions.use(lambda held: _signed(held.key(ObjectClass.PRIVATE_KEY, place), alg, data))

        return sign


def open_root(url: str) -> Pkcs11Root:
    """Opens the root key on the token. Raises ``MissingKey`` (token, PIN or object is not there), ``WrongRootKey``, ``BackendDown``."""
    place = Place(url)
    with ExitStack() as opened:
        sessions = opened.enter_context(closing(Sessions(place)))
        try:
            root = Pkcs11Root(sessions, place.label)
        except NoSuchKey:
            text = f"no root key {place.label} on token {place.token}; create one or restore the token"
            raise MissingKey(text) from None
        opened.pop_all()
    return root


def create_root(url: str, _: Entropy) -> Pkcs11Root:
    """Makes a new root key on the token. Raises ``KeysError`` if one is already there."""
    if root_exists(url):
        raise KeysError("there is already a root key on the token; it is never replaced")
    place = Place(url)
    uses = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    with closing(Sessions(place)) as sessions:
        sessions.use(
            lambda held: held.session.generate_key(
                KeyType.AES, 256, label=place.label, store=True, capabilities=uses, template=dict(_HELD)
            )
        )
        return open_root(url)


def root_exists(url: str) -> bool:
    """Whether the token holds an object of that name."""
    place = Place(url)
    at = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: place.label}
    with closing(Sessions(place)) as sessions:
        return bool(sessions.use(lambda held: list(held.session.get_objects(at))))


def _signed(key: Any, alg: str, data: bytes) -> bytes:
    if alg == "ES256":
        return bytes(key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
    if alg == "Ed25519":
        return bytes(key.sign(data, mechanism=Mechanism.EDDSA))
    if alg == "RS256":
        return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    parameters = (Mechanism.SHA256, pkcs11.MGF.SHA256, 32)
    return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=parameters))


def _rsa_public(public: Any) -> rsa.RSAPublicKey:
    n, e = (int.from_bytes(public[name], "big") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT))
    return rsa.RSAPublicNumbers(e, n).public_key()


def _point_public(point: bytes, *, ed: bool) -> PublicKey:
    """The point comes as DER octet string, from some modules bare."""
    raw = point[2:] if point[:1] == b"\x04" and len(point) == point[1] + 2 else point
    if ed:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
