"""Recovery: when a ledger may go on from the state of another one whose nodes have lost a quorum of disks.

    begin(state, genesis)             what is written over the state that was taken over
    verify(new, old)                  whether a genesis block goes on from a ledger that one knows, as it says

Everything stays as it stood at the height that was taken over: organisations, keys, parameters, the
business date, every document and every claim. The nodes are new, their ids and keys were never used, and they
are of organisations that may run nodes; of an adopted change of the membership nothing is left.

Who approves is who would approve a change of the members (`contracts.parties.membership`), at that height:
the organisations that ran voters, each once, with a key that was theirs and not revoked. The same number of
them is enough. So a recovery gives nobody a power over the members that governance did not give to them
before.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.context import organisation_key, signer_key
from contracts.parameters import parameter_key
from contracts.parties.identity import ACTIVE
from contracts.parties.membership import approvals_needed, enrol_next, in_force, voting_organisations
from ledger.blocks.genesis import Genesis, GenesisBlock
from ledger.blocks.recovery import Recovery
from ledger.codec import Value
from ledger.errors import Malformed, VerificationError
from ledger.members.membership import IN_FORCE_KEY
from ledger.proofs import carried
from ledger.proofs.statement import ProvedState, Statement
from ledger.state.overlay import Overlay, Reader

APPROVALS_KEY = parameter_key("membership_approvals")
_REMEDY = (
    "The organisations that ran voters approve it, a majority of them together: `tally recovery approve`."
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a verified recovery is."""

    height: int
    """The last block of the old ledger whose effects the new one has."""
    time_ms: int
    approved_by: tuple[str, ...]
    needed: int


def begin(state: Overlay, genesis: Genesis, recovers: Recovery) -> None:
    """Write what a genesis document changes of the state that it goes on from, if enough have approved it.

    The approvals' signatures were checked when the block was read.

    Raises:
        VerificationError: `recovery_not_approved`.
        Malformed: as for `write`.
    """
    approving(state, recovers.approving)
    write(state, genesis)


def write(state: Overlay, genesis: Genesis) -> None:
    """Write what a genesis document changes of the state that it goes on from.

    Raises:
        Malformed: a node that was one before or may be none, or a document that says otherwise what stands in
            the state.
    """
    for organisation in genesis.organisations:
        entry = state.get(organisation_key(organisation.id))
        stated = (organisation.name, organisation.lei, organisation.roles, organisation.identifiers)
        if entry is None or entry[:4] != stated:
            raise Malformed(
                "not the organisation that the ledger has",
                field=f"organisations.{organisation.id}",
                expected="name, LEI, roles and identifiers as in the state",
            )
        for key in organisation.keys:
            enrolled: Value = state.get(signer_key(key.key))
            if enrolled is None or enrolled[:4] != (organisation.id, key.name, key.enrolled_by, ACTIVE):
                raise Malformed(
                    "not a key that the organisation has",
                    field=f"organisations.{organisation.id}.keys",
                    found=key.key.hex(),
                    expected="an active key, with name and approver as in the state",
                )
    if genesis.parameters:
        raise Malformed(
            "parameters stay what they are", field="parameters", found=", ".join(genesis.parameters)
        )
    enrol_next(state, genesis)


def approving(state: Reader, keys: tuple[bytes, ...]) -> tuple[tuple[str, ...], int]:
    """The organisations that approve with these keys, which are enough, and how many are needed.

    Raises:
        VerificationError: `recovery_not_approved`.
    """
    membership = in_force(state)
    voting, needed = voting_organisations(membership), approvals_needed(state, membership)
    found = sorted({organisation for key in keys if (organisation := _active(state, key)) in voting})
    if len(found) < needed:
        raise VerificationError(
            "a recovery that not enough organisations have approved",
            code="recovery_not_approved",
            field="recovers.approvals",
            found=", ".join(found) or "nobody",
            expected=f"{needed} of {', '.join(voting)}",
            remedy=_REMEDY,
        )
    return tuple(found), needed


def _active(state: Reader, key: bytes) -> str:
    """The organisation whose active key that is; empty for no such key."""
    entry: Value = state.get(signer_key(key))
    return str(entry[0]) if entry is not None and entry[3] == ACTIVE else ""


def authority_keys(keys: tuple[bytes, ...]) -> list[bytes]:
    """The state keys that show who could approve, with these keys among others."""
    return [IN_FORCE_KEY, APPROVALS_KEY, *map(signer_key, keys)]


def authority(recovers: Recovery, old: GenesisBlock) -> ProvedState:
    """What a recovery's statement of who could approve it proves, under the old ledger's genesis block.

    Raises:
        Malformed, NonCanonical, TooLarge, VerificationError: it is none, or proves nothing.
    """
    data, trust = carried.opened(recovers.authority, old)
    return Statement.decode(data).verify(trust)


def may_approve(recovers: Recovery, old: GenesisBlock, key: bytes) -> bool:
    """Whether the approval of this key counts.

    Raises:
        Malformed, NonCanonical, TooLarge, VerificationError: as for `authority`.
    """
    entries = authority(recovers, old).entries
    return signer_key(key) in entries and bool(_active(_Proved(entries), key))


class _Proved:
    """The entries of a statement as a state."""

    def __init__(self, entries: dict[bytes, Value | None]) -> None:
        self._entries = entries

    def get(self, key: bytes, /) -> Value | None:
        """The value, or None where nothing stands.

        Raises:
            VerificationError: the statement says nothing about the key.
        """
        if key not in self._entries:
            raise VerificationError("nothing is shown about an entry", field="authority", found=key.hex())
        return self._entries[key]


def verify(new: GenesisBlock, old: GenesisBlock) -> Recovered:
    """What a genesis block goes on from, approved by those who could, for whoever trusts the old one.

    The numbers are those of docs/protocol.md, section "Verifying a recovery". The approvals' signatures
    were checked when the new block was read.

    Raises:
        Malformed, NonCanonical, TooLarge: an authority of no form.
        VerificationError: with the step that failed.
    """
    # 1. It names this ledger.
    recovers = new.genesis.recovers
    if recovers is None:
        raise VerificationError("a genesis block that recovers nothing", code="no_recovery", field="recovers")
    if recovers.channel != old.channel:
        raise VerificationError(
            "it goes on from another ledger",
            code="other_ledger",
            field="recovers.channel",
            found=recovers.channel.hex(),
            expected=old.channel.hex(),
        )
    # 2. The block that it goes on from was committed, and the authority is of the state after it.
    proved = authority(recovers, old)
    if (proved.height, proved.block_hash) != (recovers.height, recovers.block):
        raise VerificationError(
            "the authority is of another block",
            field="recovers.authority",
            found=f"{proved.block_hash.hex()} at height {proved.height}",
            expected=f"{recovers.block.hex()} at height {recovers.height}",
        )
    # 3. Enough approved it; a key that the authority does not show counts for nobody.
    shown = tuple([key for key in recovers.approving if signer_key(key) in proved.entries])
    approved_by, needed = approving(_Proved(proved.entries), shown)
    # 4. Its time is not before that block's.
    if new.genesis.time_ms < proved.time_ms:
        raise VerificationError(
            "it begins before the block that it goes on from",
            field="time_ms",
            found=new.genesis.time_ms,
            expected=f"at least {proved.time_ms}",
        )
    return Recovered(recovers.height, proved.time_ms, approved_by, needed)
