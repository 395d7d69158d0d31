"""What was just done, said on the page that its citizen is led to. The word is sealed for one session (or browser) and ten minutes, so that no
link of anybody else says it, and it is said again in the other language."""

from typing import Final

import msgspec
from flask import request

from idp.parts import Parts
from idp.web.pages.visit import Visit
from keys.tokens import open_flow, seal_flow

DONE: Final = "done"
"""The query parameter."""
SHOWN_US: Final = 10 * 60 * 1_000_000
_MAX_CHARS: Final = 512


class _Said(msgspec.Struct, frozen=True, array_like=True):
    word: str
    bound: bytes
    at: int


def sealed(parts: Parts, bound: bytes, word: str, now: int) -> str:
    """``word`` for the address of the page that says it; ``bound``: whom it is said to."""
    return seal_flow(parts.ring, DONE, msgspec.msgpack.encode(_Said(word, bound, now)), parts.entropy)


def opened(parts: Parts, bound: bytes, shown: str, now: int) -> str:
    """The word that :func:`sealed` sealed for the same; "" for anything else."""
    plain = open_flow(parts.ring, DONE, shown) if 0 < len(shown) <= _MAX_CHARS else None
    said = msgspec.msgpack.decode(plain, type=_Said) if plain is not None else None
    return said.word if said is not None and said.bound == bound and said.at <= now < said.at + SHOWN_US else ""


def page_after(here: Visit, path: str, word: str) -> str:
    """The address of one's own page that says ``word``."""
    session = here.caller.session
    return here.path(path, **{DONE: sealed(here.parts, session.id, word, here.caller.now)}) if session else path


def just_done(here: Visit, path: str) -> tuple[str, str]:
    """The word that this page's address holds for this session, or "", and the page's address, with it alone where it does."""
    session, shown = here.caller.session, request.args.get(DONE, "")
    word = opened(here.parts, session.id, shown, here.caller.now) if session is not None else ""
    return word, here.path(path, **{DONE: shown}) if word else path
