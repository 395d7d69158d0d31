"""Static files: read once at start, named by content, served for ever.

One hash stands for the whole tree, so that a module may import its neighbour by a relative path and still never meet an older one.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent / "static"
PREFIX = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """Bytes of an immutable file with its content type and strong entity tag (quoted, RFC 9110 §8.8.3)."""

    body: bytes
    content_type: str
    etag: str


class Tree(NamedTuple):
    """Every servable file by name, and the hash over all of them."""

    digest: str
    files: dict[str, StaticFile]


def read_tree(root: Path) -> Tree:
    """Read the files whose suffix is known; anything else in the folder (scripts, licences, manifests) is never served."""
    files: dict[str, StaticFile] = {}
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix not in TYPES or not path.is_file():
            continue
        name, body = path.relative_to(root).as_posix(), path.read_bytes()
        content = hashlib.sha256(body).hexdigest()
        whole.update(f"{name}\0{content}\n".encode())
        files[name] = StaticFile(body, TYPES[path.suffix], f'"{content[:32]}"')
    return Tree(whole.hexdigest()[:16], files)


@cache
def _tree() -> Tree:
    return read_tree(ROOT)


def asset(name: str) -> str:
    """URL path of a static file. Raises KeyError for an unknown name, so that a typing error shows at once."""
    tree = _tree()
    tree.files[name]
    return f"{PREFIX}{tree.digest}/{name}"


def static_file(path: str) -> StaticFile | None:
    """The file behind a URL path made by :func:`asset`, to be served as immutable; None for anything else.

    A path with another hash is refused: answering it would store these bytes under that name for a year.
    """
    tree = _tree()
    prefix = f"{PREFIX}{tree.digest}/"
    return tree.files.get(path[len(prefix) :]) if path.startswith(prefix) else None


def static_files() -> dict[str, StaticFile]:
    """Every file by the URL path that :func:`asset` gives it."""
    tree = _tree()
    return {f"{PREFIX}{tree.digest}/{name}": file for name, file in tree.files.items()}
