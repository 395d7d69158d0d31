"""The real services in one place: what the port suites and the fault tests ask for."""

from tests.kit.postgres import Postgres, postgres, postgres_database, postgres_url
from tests.kit.process import alive, frozen, need, wait_until
from tests.kit.redis import Redis, redis, redis_url

__all__ = [
    "Postgres",
    "Redis",
    "alive",
    "frozen",
    "need",
    "postgres",
    "postgres_database",
    "postgres_url",
    "redis",
    "redis_url",
    "wait_until",
]
