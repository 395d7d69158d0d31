"""What the bench says of what it measured."""

import json
from typing import Any

import pytest

from idp.bench.report import Report, Sample, rows
from idp.bench.wrk import Load


def sample(
    operation: str = "jwks",
    target: str = "sqlite",
    number: int = 1,
    *,
    operations: int = 1000,
    errors: int = 0,
    alone_us: float | None = None,
    **cpu_us: float,
) -> Sample:
    load = Load(
        operations=operations,
        requests=operations,
        seconds=2.0,
        p50_ms=float(number),
        p99_ms=10.0 * number,
        errors=errors,
        last_error="503" if errors else "",
        alone_us=alone_us,
    )
    return Sample(operation=operation, target=target, round=number, load=load, cpu_us=cpu_us or {"server": 40_000.0})


def report(*samples: Sample, left_out: tuple[str, ...] = ()) -> Report:
    return Report(machine={}, plan={}, left_out=list(left_out), rows=rows(samples), samples=list(samples))


def test_a_row_is_the_median_of_its_rounds() -> None:
    (row,) = rows([sample(number=n, server=n * 1000.0) for n in (1, 3, 2)])
    assert (row.rate, row.p50_ms, row.p99_ms, row.server_us) == (500.0, 2.0, 20.0, 2.0)
    assert (row.database_us, row.redis_us, row.server_of_peer) == (None, None, None)


def test_ratios_are_taken_within_a_round() -> None:
    """A round in which the machine was slow slows both: 2.0 each time, whatever the medians of each would say."""
    peers = [sample(target="peer", number=n, server=n * 100.0, redis=n * 25.0) for n in (1, 9)]
    ours = [sample(number=n, server=n * 200.0, database=n * 50.0, operations=500) for n in (1, 9)]
    row = next(r for r in rows([*ours, *peers]) if r.target == "sqlite")
    assert (row.server_of_peer, row.all_of_peer, row.rate_of_peer) == (4.0, 4.0, 0.5)
    assert next(r for r in rows([*ours, *peers]) if r.target == "peer").server_of_peer is None


def test_rows_keep_the_order_of_measuring_with_targets_side_by_side() -> None:
    samples = [sample(o, t, n) for n in (1, 2) for o in ("jwks", "discovery") for t in ("sqlite", "peer")]
    assert [(r.operation, r.target) for r in rows(samples)] == [
        ("jwks", "sqlite"),
        ("jwks", "peer"),
        ("discovery", "sqlite"),
        ("discovery", "peer"),
    ]


@pytest.mark.parametrize("wrong", [{"errors": 1}, {"operations": 0}], ids=["an error", "nothing done"])
def test_an_error_in_any_round_makes_the_row_bad(wrong: dict[str, Any]) -> None:
    told = report(sample(number=1), sample(number=2, **wrong))
    assert told.rows[0].bad
    assert "BAD jwks on sqlite" in told.table()


def test_the_table_says_what_was_left_out_and_names_no_peer_where_there_is_none() -> None:
    table = report(sample(), left_out=("postgres: initdb is not installed",)).table()
    assert "Left out: postgres: initdb is not installed" in table
    assert "PEER" not in table
    assert "SERVER/PEER" in report(sample(), sample(target="peer")).table()


def test_sign_in_is_told_as_a_share_of_argon() -> None:
    told = report(sample("sign-in", operations=10, alone_us=27_000.0, server=290_000.0, database=10_000.0))
    assert told.rows[0].of_alone == 0.9
    assert "90% of what Argon2id alone allows" in told.table()


def test_a_release_is_told_as_a_multiple_of_its_cryptography() -> None:
    told = report(sample("release-ecdh", operations=10, alone_us=200.0, server=4_000.0, database=1_000.0))
    assert told.rows[0].of_alone == 0.4
    assert "the release with its event on disk, 2.50 times the CPU of its cryptography alone" in told.table()
    whole = report(sample("userinfo-ecdh", operations=10, alone_us=200.0, server=8_000.0))
    assert "the whole request, 4.00 times the CPU of its cryptography alone" in whole.table()


def test_json_holds_rows_and_every_sample() -> None:
    document = json.loads(report(sample(number=1), sample(number=2)).json())
    assert len(document["rows"]) == 1
    assert [s["round"] for s in document["samples"]] == [1, 2]
