"""The parts that flows work with: one frozen value, put together by ``idp.app`` alone and handed down as an argument."""

from dataclasses import dataclass

from clients.documents import KeyDirectory
from clients.outbound import Outbound
from idp.caches import Catalogue, Clients, Generations, SeenKeys, SigningKeys
from idp.config import Config
from idp.ports import Clock, Entropy, Hasher, Keyring, Memory, Store, Volatile
from idp.release.vault import Vault
from keys.purpose import PurposeRing


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a flow may use of the world."""

    config: Config
    clock: Clock
    entropy: Entropy
    store: Store
    keyring: Keyring
    volatile: Volatile
    ring: PurposeRing
    keys: SigningKeys
    clients: Clients
    catalogue: Catalogue
    generations: Generations
    vault: Vault
    hasher: Hasher
    outbound: Outbound
    registration_outbound: Outbound
    """For addresses that a stranger may try out: every failure takes as long as any other."""
    client_keys: KeyDirectory
    log_memory: Memory
    """The audit log's newest checkpoint, outside of the database."""
    seen_keys: SeenKeys
