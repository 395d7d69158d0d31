"""GET /log/checkpoint: the newest signed head of the audit log (C2SP tlog-tiles, tlog-checkpoint). The tiles are a page's: their paths vary."""

from collections.abc import Mapping

from idp.flows.log_reading import checkpoint
from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.wire import Answer, Request

_SHORT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "public, max-age=1"))


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operation by path and method."""

    def answer(_: Request) -> Answer:
        found = checkpoint(parts)
        if not found:
            return Answer(404, "text", b"The log has no checkpoint yet.\n")
        return Answer(200, "public", found, _SHORT)

    return {"/log/checkpoint": {"GET": answer, "HEAD": answer}}
