"""The client's library: sign, submit, ask, and verify everything that comes back.

Read `session` first: it is what users see. `conversation` says what is asked and what is believed,
`recording` how a bundle gets onto the ledger however often that takes, `questions` how rules are run here
on proved state, `transport` how a call survives a node's death, `deadlines` how it ends in time, `told`
which form a view has that nothing proves, `events` how a stream of blocks is read, `outcome` what becomes
of what is sent, `verified` what the caller gets, `histories`, `statements`, `books` and `certificates` how
a history is checked, `exports` how the whole ledger is fetched. The SDK works against any node of the
channel through its HTTP API and trusts none of them: only the genesis block of the profile.
"""

from clients.sdk.books import VerifiedBook, read_book
from clients.sdk.certificates import VerifiedCertificate, read_certificate
from clients.sdk.histories import read_history
from clients.sdk.outcome import NotAdmitted, OutcomeUnknown, Recorded, Refused, RefusedOperation
from clients.sdk.session import AsyncSession, Session
from clients.sdk.statements import VerifiedStatement, read_statement
from clients.sdk.verified import BlockEvent, VerifiedAnswer, VerifiedHistory, VerifiedPrices, VerifiedQuote

__all__ = [
    "AsyncSession",
    "BlockEvent",
    "NotAdmitted",
    "OutcomeUnknown",
    "Recorded",
    "Refused",
    "RefusedOperation",
    "Session",
    "VerifiedAnswer",
    "VerifiedBook",
    "VerifiedCertificate",
    "VerifiedHistory",
    "VerifiedPrices",
    "VerifiedQuote",
    "VerifiedStatement",
    "read_book",
    "read_certificate",
    "read_history",
    "read_statement",
]
