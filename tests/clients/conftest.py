import time
from pathlib import Path

import pytest

from clients.outbound import GuardedOutbound
from tests.clients.ground import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def outbound(authority) -> GuardedOutbound:
    """Loopback allowed, the test's own authority, and a resolver that knows one name."""
    return GuardedOutbound(
        monotonic=time.monotonic,
        allow=["127.0.0.0/8"],
        ca=str(authority.pem),
        resolve=lambda host, port: ["127.0.0.1"],
    )
