"""Metrics of the serving process. Labels are routes, methods, statuses and stable words: never an identifier of anyone."""

from prometheus_client import Counter, Histogram

_SECONDS = Histogram(
    "idp_http_request_duration_seconds",
    "Time to answer",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_DROPPED = Counter("idp_log_lines_dropped_total", "Log lines lost because the sink did not take them")
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
_children: dict[tuple[str, str, int], Histogram] = {}


def request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request. ``route``: an operation's path or ``page``."""
    key = (route, method if method in _METHODS else "other", status)
    child = _children.get(key)
    if child is None:
        child = _children[key] = _SECONDS.labels(key[0], key[1], str(status))
    child.observe(seconds)


def log_dropped() -> None:
    """A log line could not be written."""
    _DROPPED.inc()
