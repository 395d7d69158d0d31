"""What the log is searched by: the lines of its index that one event gives. Pure."""

from collections.abc import Iterator

from idp.records import Event

PERSON = "person"


def facets(event: Event) -> Iterator[tuple[str, bytes]]:
    """``(facet, value)`` pairs: the person concerned, by pseudonym."""
    if event.actor is not None:
        yield PERSON, event.actor
