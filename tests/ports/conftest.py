"""The port suites run on every backend."""

from tests.ports.backends import (  # noqa: F401 - fixtures
    backend,
    empty_url,
    keyring,
    keyring_url,
    postgres_kept,
    sqlite_templates,
    store,
    store_url,
    volatile,
    volatiles,
)
