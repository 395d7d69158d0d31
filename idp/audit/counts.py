"""How often what happened, by hour and by day: added up once, when an event gets its leaf, so that a chart reads few rows. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from idp.records import Event

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
SPANS: Final = (HOUR, DAY)
EAST: Final = 8 * HOUR
"""Days begin at midnight in China (UTC+8, no summer time); hours begin everywhere at once."""
ALL: Final = ""
"""In place of a client: all events, with a client or without."""

Key = tuple[int, str, int, str]
"""(span, client id or ALL, start of the span, kind); spans and times in microseconds."""


def start_of(at: int, span: int) -> int:
    """When the hour or day of an instant began."""
    return (at + EAST) // span * span - EAST


def counts(events: Iterable[Event]) -> Counter[Key]:
    """What a batch of events adds."""
    found: Counter[Key] = Counter()
    for event in events:
        for span in SPANS:
            start = start_of(event.at, span)
            found[span, ALL, start, event.kind] += 1
            if event.client_id:
                found[span, event.client_id, start, event.kind] += 1
    return found
