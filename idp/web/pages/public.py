"""What anybody may read, as a page or as JSON of the same address."""

from typing import Any

import msgspec
from flask import Response, request

from idp.flows.discovery import published
from idp.web.pages.common import current

AGE_S = 300
JSON = "application/json"


def wants_json() -> bool:
    """Whether the caller would rather have JSON (RFC 9110 §12.5.1); a browser would not."""
    best = request.accept_mimetypes.best_match(("text/html", JSON), default="text/html")
    return best == JSON


def json_of(document: dict[str, Any]) -> Response:
    """The document with its entity tag; 304 for who has it."""
    found = published(msgspec.json.encode(document))
    asked = current().header("If-None-Match")
    if asked is not None and found.etag in {tag.strip().removeprefix("W/") for tag in asked.split(",")}:
        answer = Response(status=304)  # RFC 9110 §15.4.5
    else:
        answer = Response(found.body, content_type=JSON)
    answer.headers["ETag"] = found.etag
    answer.headers["Cache-Control"] = f"public, max-age={AGE_S}"
    answer.headers["X-Yimen-Class"] = "public"
    return varied(answer)


def varied(answer: Response) -> Response:
    """What the answer depends on, for caches."""
    answer.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return answer
