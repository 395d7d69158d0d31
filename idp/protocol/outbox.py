"""When a delivery that failed is tried again, and when it is given up."""

from typing import Final

BACKOFF_S: Final = (1, 5, 30, 120, 600, 1800)
"""Waiting times before the second, third … try; after the last one the delivery is dead."""


def next_try(attempts: int, now: int) -> int | None:
    """When to try again after ``attempts`` failed tries (microseconds), or None: dead. ``now`` microseconds."""
    return now + BACKOFF_S[attempts - 1] * 1_000_000 if attempts <= len(BACKOFF_S) else None


def accepted(status: int) -> bool:
    """Back-Channel Logout §2.8: 200 is success; 204 is common and harmless. A redirect is not followed and not accepted."""
    return status in (200, 204)
