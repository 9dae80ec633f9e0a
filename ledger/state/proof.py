"""State proofs: that entries stand in the state under one root, or that none stands there.

A proof shows the whole bucket of each key, so it proves presence and absence alike. For
every touched parent, from the leaves up and ascending, it lists the children that cannot
be computed: a 16-bit mask of those that are not zeros, then their hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise

from ledger import codec, shape
from ledger.errors import Malformed, VerificationError
from ledger.hashing import STATE_NODE, ZERO
from ledger.limits import (
    DIGEST_BYTES,
    MAX_PROOF_BYTES,
    MAX_PROOF_ENTRIES,
    MAX_STATE_KEY_BYTES,
    MAX_STATE_VALUE_BYTES,
    NODE_FANOUT_BITS,
)
from ledger.state.root import (
    DEPTH,
    FANOUT,
    RECORD_BYTES,
    SPAN,
    ZEROS,
    Changes,
    bucket_of,
    bucket_of_key,
    is_bucket,
    leaf_hash,
    place_in,
    value_hash,
    with_entry,
)

_PARTS = tuple([slice(start, start + DIGEST_BYTES) for start in range(0, SPAN, DIGEST_BYTES)])
"""Where each child stands among 16 that are joined."""
_MASK_BYTES = FANOUT // 8


@dataclass(frozen=True, slots=True)
class StateProof:
    """Entries of the state at one root, present or absent (value None), with the way to the root.

    [[[key, value bytes or nil], …], [bucket contents, …], [mask || hashes, …]]
    """

    entries: tuple[tuple[bytes, bytes | None], ...]
    buckets: tuple[bytes, ...]
    siblings: tuple[bytes, ...]

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.entries, self.buckets, self.siblings)

    @classmethod
    def from_value(cls, value: codec.Value, most: int = MAX_PROOF_ENTRIES) -> StateProof:
        """Read a proof of at most so many entries; nothing is proved by its form.

        Raises:
            Malformed: with the field that is wrong.
        """
        entries, buckets, siblings = shape.array(value, 3, "state_proof")
        read = []
        for entry in shape.sequence(entries, most, "state_proof.entries", least=1):
            key, data = shape.array(entry, 2, "state_proof.entry")
            shape.octets_within(key, MAX_STATE_KEY_BYTES, "state_proof.key", least=1)
            if data is not None:
                shape.octets_within(data, MAX_STATE_VALUE_BYTES, "state_proof.value", least=1)
            read.append((key, data))
        for content in shape.sequence(buckets, most, "state_proof.buckets", least=1):
            shape.octets_within(content, MAX_PROOF_BYTES, "state_proof.bucket")
        for hashes in shape.sequence(siblings, most * DEPTH, "state_proof.siblings", least=DEPTH):
            shape.octets_within(hashes, _MASK_BYTES + SPAN, "state_proof.sibling", least=_MASK_BYTES)
        return cls(tuple(read), buckets, siblings)

    def verify(self, root: bytes) -> dict[bytes, codec.Value | None]:
        """The entries, after checking that the state with this root holds exactly them.

        A value of None means proved absence. The steps are those of docs/protocol.md.

        Raises:
            VerificationError: the proof does not prove it.
        """
        # 1. The keys are ascending, so that none is listed twice.
        keys = [key for key, _ in self.entries]
        if any(a >= b for a, b in pairwise(keys)) or not keys:
            raise VerificationError("keys of a state proof are not ascending")
        # 2. There is one bucket for each bucket number that the keys have, and no other.
        hashes = [sha256(key).digest() for key in keys]
        numbers = sorted({bucket_of(key_hash) for key_hash in hashes})
        if len(self.buckets) != len(numbers):
            raise VerificationError(
                "buckets missing or left over", found=len(self.buckets), expected=len(numbers)
            )
        buckets = dict(zip(numbers, self.buckets, strict=True))
        # 3. Each bucket has the one form that its records can have.
        for number, content in buckets.items():
            if not is_bucket(number, content):
                raise VerificationError("a bucket is not in its canonical form", found=f"bucket {number}")
        # 4. Each entry stands in its bucket with its value, or its key does not stand there at all.
        for (key, data), key_hash in zip(self.entries, hashes, strict=True):
            content = buckets[bucket_of(key_hash)]
            place = place_in(content, key_hash)
            present = content[place : place + DIGEST_BYTES] == key_hash
            if data is None and present:
                raise VerificationError("an entry said to be absent is present", field=key.hex())
            if data is not None and not present:
                raise VerificationError("an entry said to be present is absent", field=key.hex())
            if data is not None and content[place + DIGEST_BYTES : place + RECORD_BYTES] != value_hash(data):
                raise VerificationError("an entry's value is not the one in the state", field=key.hex())
        # 5. Buckets and siblings lead to the root.
        if self._root(buckets) != root:
            raise VerificationError("state proof does not lead to the state root")
        try:
            return {key: None if data is None else codec.decode(data) for key, data in self.entries}
        except Malformed as error:
            raise VerificationError("a proved value cannot be read", found=str(error)) from None

    def root_after(self, changes: Changes) -> bytes:
        """Root of the state after these changes to entries of a proof that has been verified.

        Raises:
            VerificationError: a changed key is none of the proof's.
        """
        keys = {key for key, _ in self.entries}
        buckets = dict(zip(sorted({bucket_of_key(key) for key in keys}), self.buckets, strict=True))
        for key, value in changes.items():
            if key not in keys:
                raise VerificationError("a changed entry is not in the state proof", field=key.hex())
            number = bucket_of_key(key)
            buckets[number] = with_entry(buckets[number], sha256(key).digest(), value)
        return self._root(buckets)

    def _root(self, buckets: Mapping[int, bytes]) -> bytes:
        nodes = {number: leaf_hash(content) for number, content in buckets.items()}
        position = 0
        for _ in range(DEPTH):
            families: dict[int, dict[int, bytes]] = {}
            for index, node in nodes.items():
                families.setdefault(index >> NODE_FANOUT_BITS, {})[index % FANOUT] = node
            nodes = {}
            for parent, children in families.items():
                if position >= len(self.siblings):
                    raise VerificationError("state proof with too few siblings")
                joined = _join(children, self.siblings[position])
                nodes[parent] = sha256(STATE_NODE + joined).digest() if joined != ZEROS else ZERO
                position += 1
        if position != len(self.siblings):
            raise VerificationError("state proof with too many siblings")
        return nodes[0]


def siblings_of(children: bytes, computed: Iterable[int]) -> bytes:
    """The children of a node that a proof must give: a mask, and the hashes that are not zeros.

    `computed` are the places of those that follow from what lies below, ascending.
    """
    left_out = list(computed)
    if ZERO in children:
        left_out += [place for place, part in enumerate(_PARTS) if children[part] == ZERO]
    mask = (1 << FANOUT) - 1
    kept = bytearray(children)
    for place in sorted(set(left_out), reverse=True):
        del kept[_PARTS[place]]
        mask ^= 1 << place
    return mask.to_bytes(_MASK_BYTES, "big") + kept


def _join(computed: Mapping[int, bytes], siblings: bytes) -> bytes:
    """All 16 children of a node: the computed ones and those that the proof gives."""
    mask = int.from_bytes(siblings[:_MASK_BYTES], "big")
    given = _places_in(mask)
    if len(siblings) != _MASK_BYTES + DIGEST_BYTES * len(given):
        raise VerificationError("siblings do not fit their mask")
    children = [ZERO] * FANOUT
    for place, node in computed.items():
        if mask >> place & 1:
            raise VerificationError("a sibling given for a node that is computed")
        children[place] = node
    position = _MASK_BYTES
    for place in given:
        node = children[place] = siblings[position : position + DIGEST_BYTES]
        if node == ZERO:
            raise VerificationError("a sibling of zeros that the mask should leave out")
        position += DIGEST_BYTES
    return b"".join(children)


@lru_cache(maxsize=8_192)
def _places_in(mask: int) -> tuple[int, ...]:
    """The bits of a mask, ascending."""
    return tuple([place for place in range(FANOUT) if mask >> place & 1])
