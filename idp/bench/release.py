"""Eight attributes, sealed at rest, released signed and encrypted; beside the same cryptography alone, by the same calls of the same library.

What no release can do without: the citizen's data key unwrapped and eight values opened, the pairwise subject, the event's entry, one signature,
a content key brought to the client's key (fresh ephemeral key, agreement, derivation and wrap; or OAEP) and one answer under it. Not counted:
reads, commit, padding, JSON, base64.
"""

import os
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, Key, RSAKey

from idp.bench.cpu import cores, on_core
from idp.bench.target import REDIRECT

ECDH, RSA = "release-ecdh", "release-rsa"
EIGHT: Final = {
    "name": "李伟",
    "family_name": "李",
    "given_name": "伟",
    "nickname": "小李",
    "preferred_username": "li.wei",
    "gender": "male",
    "birthdate": "1990-02-03",
    "locale": "zh-CN",
}
_ALONE_S: Final = 0.5
_SEALED_BYTES: Final = 32
_ANSWER_BYTES: Final = 640
_HEAD_BYTES: Final = 480


def clients() -> dict[str, Mapping[str, object]]:
    """Two clients that register encryption to a key of their own, whose private half nobody keeps: one on curves, one on RSA throughout."""
    return {
        ECDH: _client("ES256", "ECDH-ES+A256KW", ECKey.generate_key("P-256", {"kid": "bench", "use": "enc"})),
        RSA: _client("RS256", "RSA-OAEP-256", RSAKey.generate_key(2048, {"kid": "bench", "use": "enc"})),
    }


def _client(signed: str, encrypted: str, key: Key) -> Mapping[str, object]:
    return {
        "client_name": encrypted,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [REDIRECT],
        "id_token_signed_response_alg": signed,
        "userinfo_signed_response_alg": signed,
        "userinfo_encrypted_response_alg": encrypted,
        "userinfo_encrypted_response_enc": "A256GCM",
        "jwks": {"keys": [dict(key.as_dict(private=False))]},
    }


def alone_us(name: str) -> float:
    """CPU microseconds of one release's cryptography on the measured core."""
    once, done = (_on_curves if name == ECDH else _on_rsa)(), 0
    with on_core(cores()[0]):
        once()
        until, began = time.perf_counter() + _ALONE_S, time.thread_time()
        while time.perf_counter() < until:
            once()
            done += 1
        return (time.thread_time() - began) / done * 1_000_000


def _opening() -> Callable[[], None]:
    wrapping, nonce = AESGCM(os.urandom(32)), os.urandom(12)
    wrapped, place = wrapping.encrypt(nonce, os.urandom(32), b"place"), b"p" * 80
    sealed = AESGCM(wrapping.decrypt(nonce, wrapped, b"place")).encrypt(nonce, bytes(_SEALED_BYTES), place)
    pairwise, account, head = AESSIV(os.urandom(64)), os.urandom(16), bytes(_HEAD_BYTES)

    def once() -> None:
        key = AESGCM(wrapping.decrypt(nonce, wrapped, b"place"))
        for _ in EIGHT:
            key.decrypt(nonce, sealed, place)
        pairwise.encrypt(account, [account])
        sha256(sha256(head).digest()).digest()

    return once


def _on_curves() -> Callable[[], None]:
    opening, signing = _opening(), ec.generate_private_key(ec.SECP256R1())
    public, curve = ec.generate_private_key(ec.SECP256R1()).public_key(), ec.SECP256R1()
    ecdsa, ecdh, answer = ec.ECDSA(hashes.SHA256()), ec.ECDH(), bytes(_ANSWER_BYTES)

    def once() -> None:
        opening()
        signing.sign(answer, ecdsa)
        mine, cek = ec.generate_private_key(curve), os.urandom(32)
        mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        aes_key_wrap(sha256(mine.exchange(ecdh, public)).digest(), cek)
        AESGCM(cek).encrypt(os.urandom(12), answer, b"")

    return once


def _on_rsa() -> Callable[[], None]:
    opening, signing = _opening(), rsa.generate_private_key(65537, 2048)
    public, answer, pkcs1 = rsa.generate_private_key(65537, 2048).public_key(), bytes(_ANSWER_BYTES), padding.PKCS1v15()
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)

    def once() -> None:
        opening()
        signing.sign(answer, pkcs1, hashes.SHA256())
        cek = os.urandom(32)
        public.encrypt(cek, oaep)
        AESGCM(cek).encrypt(os.urandom(12), answer, b"")

    return once
