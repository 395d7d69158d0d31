"""A storm of sign-ins fills the queue of password hashes; tokens and introspection go on (F37)."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.ground import Served
from tests.kit.house import PASSWORD
from tests.kit.process import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow
STORM = 24


@pytest.mark.attack("F37")
def test_a_storm_of_sign_ins_is_refused_in_time_and_leaves_room(make_served: Callable[..., Served]) -> None:
    """More sign-ins at once than threads: some are served, the others told when to come back, and a token never waits behind them."""
    served = make_served(argon2_memory_kib=64, hash_threads=1)
    served.citizen("li.wei", password=PASSWORD)
    app = served.machine()
    # A slow hash from here on. The stored one stays what it is; unknown identifiers cost today's price and make the storm.
    served.start(1, "--no-worker", "--threads", "8", IDP_ARGON2_PASSES="24000")
    served.as_client(app, "/token", {"grant_type": "client_credentials"})
    browsers = [served.browser() for _ in range(STORM)]
    pages = [served.follow(b, b.get("/sign-in")) for b in browsers]

    def storm(number: int) -> tuple[int, str]:
        answer = served.submit(browsers[number], pages[number], username=f"nobody.{number}", password=PASSWORD)
        return answer.status_code, answer.headers.get("Retry-After", "")

    with ThreadPoolExecutor(STORM) as pool:
        asked = [pool.submit(storm, number) for number in range(STORM)]
        wait_until(lambda: any(f.done() for f in asked), "the first that is refused")
        under_way = sum(not f.done() for f in asked)
        for _ in range(20):
            token = served.as_client(app, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
            assert served.introspect(app, token)["active"]
        still = sum(not f.done() for f in asked)
        answers = [f.result(3 * PATIENCE_S) for f in asked]
    assert under_way > 0 and still > 0, "the storm was over before the tokens were asked for"
    counts = Counter(status for status, _ in answers)
    assert set(counts) <= {200, 422, 503} and counts[503] > 0, counts
    assert counts[503] >= STORM - 6, "passwords held the threads that are kept for tokens"
    assert all(int(again) >= 1 for status, again in answers if status == 503)
