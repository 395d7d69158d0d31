"""The mathematics of the log: RFC 9162 §2.1 (the tree of RFC 6962) over SHA-256. Standard library alone: an auditor can carry it away.

A *hash* is 32 bytes. ``span(start, end)`` answers the root of the leaves start ≤ i < end, for spans that are a power of two wide and begin at a
multiple of their width: what a tile store has at hand.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

Span = Callable[[int, int], bytes]
EMPTY = sha256(b"").digest()
"""The root of no leaves (§2.1.1)."""


class ProofError(ValueError):
    """A proof does not prove what it should; the text says which part, never a value."""


def leaf_hash(entry: bytes) -> bytes:
    """§2.1.1: SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """§2.1.1: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The tree as far as appending needs it: the roots of its full subtrees, widest first. Grows by leaf hashes; mutable, one owner."""

    __slots__ = ("_stack", "size")

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if size < 0 or len(roots) != size.bit_count():
            raise ValueError("a frontier has one root for each bit of its size")
        self.size, self._stack = size, list(roots)

    @classmethod
    def of(cls, size: int, span: Span) -> "Frontier":
        """The frontier of a stored tree."""
        return cls(size, [span(start, end) for start, end in full_spans(0, size)])

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry, at = leaf, self.size
        while at & 1:
            carry = node_hash(self._stack.pop(), carry)
            at >>= 1
        self._stack.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """The tree head at this size."""
        return _fold(self._stack)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def full_spans(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The fewest full subtrees that cover start ≤ i < end, left to right, where ``start`` is the beginning of a subtree of the tree of ``end``."""
    while start < end:
        width = 1 << (end - start).bit_length() - 1
        if start:
            width = min(width, start & -start)
        yield start, start + width
        start += width


def subtree(start: int, end: int, span: Span) -> bytes:
    """MTH(D[start:end]) of §2.1.1 for the spans that proofs name."""
    if start == end:
        return EMPTY
    return _fold([span(*piece) for piece in full_spans(start, end)])


def inclusion(index: int, size: int, span: Span) -> list[bytes]:
    """The inclusion proof of leaf ``index`` in the tree of ``size`` (§2.1.3.1). Raises ValueError outside of it."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    return _path(index, 0, size, span)


def consistency(old: int, size: int, span: Span) -> list[bytes]:
    """The proof that the tree of ``size`` extends the tree of ``old`` (§2.1.4.1); empty for 0 and for equal sizes. Raises ValueError."""
    if not 0 <= old <= size:
        raise ValueError("a tree extends smaller ones alone")
    return [] if old in (0, size) else _subproof(old, 0, size, span, whole=True)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """§2.1.3.2. Raises ProofError."""
    if not 0 <= index < size:
        raise ProofError("the leaf is outside of the tree")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if found != root:
        raise ProofError("the leaf is not in the tree")


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """§2.1.4.2, and for the empty tree and equal sizes: their roots and no proof. Raises ProofError."""
    if not 0 <= old <= size:
        raise ProofError("the tree became smaller")
    if old in (0, size):
        same = old_root == (EMPTY if old == 0 else root)
        if proof or not same or (size == 0 and root != EMPTY):
            raise ProofError("the tree is another one")
        return
    _extends(old, old_root, size, root, proof)


def _extends(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the consistency proof is too short")
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    left = right = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if node & 1 or node == last:
            left, right = node_hash(sibling, left), node_hash(sibling, right)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            right = node_hash(right, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    if left != old_root or right != root:
        raise ProofError("the tree was rewritten")


def _path(index: int, start: int, end: int, span: Span) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, span), subtree(middle, end, span)]
    return [*_path(index, middle, end, span), subtree(start, middle, span)]


def _subproof(old: int, start: int, end: int, span: Span, *, whole: bool) -> list[bytes]:
    """§2.1.4.1. ``whole``: the verifier knows the root of what has been covered so far."""
    if old == end:
        return [] if whole else [subtree(start, end, span)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, span, whole=whole), subtree(middle, end, span)]
    return [*_subproof(old, middle, end, span, whole=False), subtree(start, middle, span)]


def _split(width: int) -> int:
    """The largest power of two below ``width`` (§2.1.1)."""
    return 1 << (width - 1).bit_length() - 1


def _fold(roots: Sequence[bytes]) -> bytes:
    """Join full subtrees, widest first, from the right."""
    if not roots:
        return EMPTY
    found = roots[-1]
    for left in reversed(roots[:-1]):
        found = node_hash(left, found)
    return found
