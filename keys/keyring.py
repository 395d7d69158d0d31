"""The signing keys of a running process: parsed once, exchanged as a whole when the rows change."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from keys.errors import MissingKey
from keys.jose import VerifyKeys
from keys.lifecycle import ripe_at, vouching
from keys.model import ACTIVE, NEXT, RETIRED, SigningKey
from keys.ports import Sealer
from keys.signing import LocalSigner, jwks, load_signer


class SigningRing:
    """Signers of the active keys, the published set, and the keys that our own tokens are verified with. Immutable."""

    __slots__ = ("_past", "_signers", "_verify", "jwks", "retired")

    def __init__(
        self,
        signers: Mapping[str, LocalSigner],
        verify: tuple[tuple[int, VerifyKeys], ...],
        published: bytes,
        past: tuple[tuple[int, VerifyKeys], ...] = (),
        retired: frozenset[str] = frozenset(),
    ) -> None:
        self._signers = MappingProxyType(dict(signers))
        self._verify = verify
        self._past = past
        self.jwks = published
        self.retired = retired

    @classmethod
    def open(
        cls,
        root: Sealer,
        rows: Iterable[SigningKey],
        *,
        jwks_max_age_s: int,
        slack_s: int = 5,
        session_max_s: int = 0,
        now: int = 0,
    ) -> "SigningRing":
        """Loads the active private keys. Raises ``KeysError``'s kin when one does not open.

        ``session_max_s``: how long a retired key stays good for hints; those for which that is over at ``now`` are left out.
        """
        known = sorted(rows, key=lambda row: (row.alg, row.version))
        signers = {row.alg: load_signer(root, row) for row in known if row.state == ACTIVE}
        past = tuple((until, _parsed((row,))) for until, row in vouching(known, session_max_s, slack_s) if now < until)
        retired = frozenset(row.kid for row in known if row.state == RETIRED)
        return cls(signers, _verify_steps(known, jwks_max_age_s, slack_s), jwks(known), past, retired)

    def __repr__(self) -> str:
        return f"SigningRing({', '.join(f'{alg} {signer.kid}' for alg, signer in self._signers.items())})"

    @property
    def algs(self) -> tuple[str, ...]:
        """Algorithms that can sign now; what discovery may offer."""
        return tuple(self._signers)

    def signer(self, alg: str) -> LocalSigner:
        """The active key of one algorithm. Raises ``MissingKey``."""
        try:
            return self._signers[alg]
        except KeyError:
            raise MissingKey(f"no active signing key for {alg}") from None

    def verify_keys(self, now: int) -> VerifyKeys:
        """Keys that tokens of ours may bear at ``now`` (microseconds): active, retiring, and a ``next`` old enough that another node
        may have activated it already. A retired key, or one that cannot have signed yet, is not among them."""
        usable = self._verify[0][1]
        for ripe, keys in self._verify[1:]:
            if ripe <= now:
                usable = keys
        return usable

    def hint_keys(self, now: int) -> VerifyKeys:
        """Keys that an ID token may bear which comes back as a hint: those of :meth:`verify_keys`, and retired ones that still vouch.

        For nothing else: a hint opens nothing by itself.
        """
        usable = self.verify_keys(now)
        for until, keys in self._past:
            if now < until:
                usable = usable + keys
        return usable


def _verify_steps(rows: list[SigningKey], jwks_max_age_s: int, slack_s: int) -> tuple[tuple[int, VerifyKeys], ...]:
    keys = _parsed(row for row in rows if row.state not in (NEXT, RETIRED))
    steps = [(0, keys)]
    waiting = [(ripe_at(row, jwks_max_age_s, slack_s), row) for row in rows if row.state == NEXT]
    for ripe, row in sorted(waiting, key=lambda pair: pair[0]):
        keys = keys + _parsed((row,))
        steps.append((ripe, keys))
    return tuple(steps)


def _parsed(rows: Iterable[SigningKey]) -> VerifyKeys:
    return VerifyKeys.from_jwks({"keys": [msgspec.json.decode(row.public_jwk) for row in rows]})
