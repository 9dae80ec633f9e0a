"""The offline verifier: from one trusted genesis block to what a file proves.

Nothing here reads a clock, a network or a store. The steps are numbered in
docs/protocol.md, and the same numbers stand beside the code:

| to verify | section of docs/protocol.md | code |
|---|---|---|
| a genesis block | Verifying a genesis block | `proofs.verify.trust` |
| a certified header | Verifying a certified header | `blocks.certificate.CertifiedHeader.verify` |
| changes of the membership | Following membership changes offline | `proofs.handover.Handover.verify` |
| a state proof | Verifying a state proof | `state.proof.StateProof.verify` |
| a receipt | Verifying a receipt | `proofs.receipt.Receipt.verify` |
| a history | Verifying a history | `proofs.history.History.verify` |
| a statement of state entries | Verifying a statement | `proofs.statement.Statement.verify` |
| evidence that a node lied | Verifying evidence | `faults.evidence.Evidence.verify` |
| a chain of blocks | Verifying a chain | `proofs.audit.ChainAudit` |

What the verifier trusts: the genesis block that it was given, SHA-256, and Ed25519 by the
rule in `keys`. What a proof says is true *at its height*; only a newer proof can tell
what came later.
"""

from __future__ import annotations

from ledger import proof_file
from ledger.blocks.genesis import GenesisBlock, read_genesis
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.faults.evidence import Evidence, Proved
from ledger.proofs.carried import opened
from ledger.proofs.history import History, ProvedHistory
from ledger.proofs.receipt import ProvedOutcome, Receipt
from ledger.proofs.statement import ProvedState, Statement


def trust(data: bytes, channel: bytes | None = None) -> GenesisBlock:
    """Read a genesis block, and compare it with the channel id that one knows from elsewhere.

    The numbers are those of docs/protocol.md, section "Verifying a genesis block".

    Raises:
        VerificationError: not a genesis block, or that of another channel.
    """
    # 1. to 5. Form, body, document and header agree.
    try:
        genesis = read_genesis(data)
    except (Malformed, BlockInvalid) as error:
        raise VerificationError("not a sound genesis block", found=str(error)) from None
    # 6. It is the channel that one meant.
    if channel is not None and genesis.channel != channel:
        raise VerificationError(
            "the genesis block of another channel", found=genesis.channel.hex(), expected=channel.hex()
        )
    return genesis


def verify_receipt(data: bytes, genesis: GenesisBlock) -> list[ProvedOutcome]:
    """What a receipt file proves.

    Raises:
        Malformed, NonCanonical, TooLarge: not a receipt file.
        VerificationError: it does not prove what it claims.
    """
    data, genesis = opened(data, genesis)
    return Receipt.decode(data).verify(genesis)


def verify_history(data: bytes, genesis: GenesisBlock) -> ProvedHistory:
    """What a history file proves.

    Raises:
        Malformed, NonCanonical, TooLarge: not a history file.
        VerificationError: it does not prove what it claims.
    """
    data, genesis = opened(data, genesis)
    return History.decode(data).verify(genesis)


def verify_file(
    data: bytes, genesis: GenesisBlock
) -> list[ProvedOutcome] | ProvedHistory | ProvedState | Proved:
    """What a receipt, history, statement or evidence file proves; `contracts.finance.quote` verifies quotes.

    Raises:
        Malformed, NonCanonical, TooLarge: not a proof file of these kinds.
        VerificationError: it does not prove what it claims.
    """
    data, genesis = opened(data, genesis)
    value = proof_file.read(data)
    if value[0] == proof_file.HISTORY:
        return History.from_value(value).verify(genesis)
    if value[0] == proof_file.STATE:
        return Statement.from_value(value).verify(genesis)
    if value[0] == proof_file.EVIDENCE:
        return Evidence.from_value(value).verify(genesis)
    return Receipt.from_value(value).verify(genesis)
