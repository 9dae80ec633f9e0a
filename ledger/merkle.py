"""Merkle trees as in RFC 6962 section 2.1 (same in RFC 9162), without I/O.

A tree over n leaves is built level by level: neighbours are hashed in pairs, a last odd
node moves up unchanged. That gives the same root as the RFC's recursive definition.

A *run* is a contiguous range of leaves [first, first + count). Its proof lists, level by
level from the bottom, the sibling to the left (if the run starts at an odd position)
and the sibling to the right (if it ends at one and is not the ragged end). For one leaf
this is exactly the RFC's inclusion path, so one algorithm serves a receipt for one
transaction and a receipt for a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from ledger.errors import VerificationError
from ledger.hashing import EMPTY_TREE, MERKLE_LEAF, MERKLE_NODE
from ledger.limits import DIGEST_BYTES, MAX_TREE_LEAVES

Levels = list[list[bytes]]
"""Node hashes by level, leaves first, the root alone in the last one."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf."""
    return sha256(MERKLE_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(MERKLE_NODE + left + right).digest()


def levels(leaves: Sequence[bytes]) -> Levels:
    """All levels of the tree over these leaf hashes; `[[]]` for no leaves."""
    level = list(leaves)
    built = [level]
    while len(level) > 1:
        paired = [
            sha256(MERKLE_NODE + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            paired.append(level[-1])
        level = paired
        built.append(level)
    return built


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over these leaf hashes; the RFC's empty hash for none."""
    return levels(leaves)[-1][0] if leaves else EMPTY_TREE


def root_of(built: Levels) -> bytes:
    """Root of a tree given by its levels."""
    return built[-1][0] if built[-1] else EMPTY_TREE


def run_proof(built: Levels, first: int, count: int) -> list[bytes]:
    """Siblings that lead from a run of leaves to the root.

    Raises:
        ValueError: the run is empty or not inside the tree (a bug of the caller).
    """
    low, high = first, first + count
    if count < 1 or first < 0 or high > len(built[0]):
        raise ValueError(f"run [{low}, {high}) outside a tree of {len(built[0])} leaves")
    siblings = []
    for level in built[:-1]:
        if low & 1:
            siblings.append(level[low - 1])
        if high & 1 and high < len(level):
            siblings.append(level[high])
        low, high = low >> 1, (high + 1) >> 1
    return siblings


def run_root(run: Sequence[bytes], first: int, size: int, siblings: Sequence[bytes]) -> bytes:
    """Root of the tree of `size` leaves that holds `run` at `first`, computed from a proof.

    Raises:
        VerificationError: the run does not fit the tree, or siblings are missing or left over.
    """
    low, high = first, first + len(run)
    if not run or first < 0 or high > size or size > MAX_TREE_LEAVES:
        raise VerificationError("Merkle run outside its tree", found=f"[{low}, {high}) of {size}")
    if any(len(sibling) != DIGEST_BYTES for sibling in siblings):
        raise VerificationError("Merkle path with a sibling that is not 32 bytes")
    level = list(run)
    position = 0
    try:
        while size > 1:
            if low & 1:
                level.insert(0, siblings[position])
                position += 1
                low -= 1
            if high & 1 and high < size:
                level.append(siblings[position])
                position += 1
                high += 1
            paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            if len(level) & 1:
                paired.append(level[-1])
            level = paired
            low, high, size = low >> 1, (high + 1) >> 1, (size + 1) >> 1
    except IndexError:
        raise VerificationError("Merkle path too short") from None
    if position != len(siblings):
        raise VerificationError("Merkle path too long", found=len(siblings), expected=position)
    return level[0]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> None:
    """Check that a leaf hash stands at `index` of the tree with `expected_root` (RFC 9162 2.1.3.2).

    Raises:
        VerificationError: it does not, or the path is malformed.
    """
    if len(leaf) != DIGEST_BYTES or run_root([leaf], index, size, path) != expected_root:
        raise VerificationError("Merkle path does not lead to the root")


class Accumulator:
    """Append-only tree that keeps only the roots of its complete subtrees ("peaks").

    `append` returns the complete nodes that came into being as (level, index, hash), for
    a store to keep: with them the path of any leaf in any later tree takes O(log n) reads.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError("one peak for each bit of the size")
        self.size = size
        self._peaks = list(peaks)

    def copy(self) -> Accumulator:
        """An independent accumulator of the same tree."""
        return Accumulator(self.size, self._peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; the complete nodes made, the leaf first."""
        node, level, index = leaf, 0, self.size
        made = [(0, index, leaf)]
        while index & 1:
            node = node_hash(self._peaks.pop(), node)
            level += 1
            index >>= 1
            made.append((level, index, node))
        self._peaks.append(node)
        self.size += 1
        return made

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first."""
        return tuple(self._peaks)

    def root(self) -> bytes:
        """Root over all leaves so far."""
        if not self._peaks:
            return EMPTY_TREE
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def peak_positions(size: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees that make up a tree, largest first."""
    positions = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            positions.append((level, start >> level))
            start += 1 << level
    return positions


def path_from_nodes(node: Callable[[int, int], bytes], index: int, size: int) -> list[bytes]:
    """Inclusion path of leaf `index` in the tree of the first `size` leaves.

    `node(level, index)` reads a complete node, as `Accumulator.append` reported it.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} outside a tree of {size}")
    path = []
    level, width = 0, size
    position = index
    while width > 1:
        sibling = position ^ 1
        if sibling < width:
            path.append(_subtree(node, level, sibling, size))
        position >>= 1
        level += 1
        width = (width + 1) >> 1
    return path


def _subtree(node: Callable[[int, int], bytes], level: int, index: int, size: int) -> bytes:
    """Hash of the node at (level, index) of a tree of `size` leaves, complete or ragged."""
    start = index << level
    if start + (1 << level) <= size:
        return node(level, index)
    pieces = [
        node(piece_level, (start >> piece_level) + piece_index)
        for piece_level, piece_index in peak_positions(size - start)
    ]
    hashed = pieces[-1]
    for piece in reversed(pieces[:-1]):
        hashed = node_hash(piece, hashed)
    return hashed
