"""Facts of the keys that answers are encrypted to, beside ``client.key_changed``. They are of the vocabulary of ``audit.events``."""

from idp.audit.events import Fact


class ClientKeySeen(Fact, frozen=True, kw_only=True):
    """Answers to a client are encrypted to a key for the first time: nothing changed, and nothing is to be watched."""

    KIND = "client.key_seen"
    alg: str
    thumbprint: str
