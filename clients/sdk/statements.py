"""Reading a statement file: the lines of one deposit, proved complete, and the balance that they add up to.

| step | what is shown |
|---|---|
| 1 | the file proves its lines against the genesis block (`ledger.proofs.history`) |
| 2 | they were made under rules that we know |
| 3 | it is the statement of one custody account |
| 4 | the lines add up to the proved balance, if the file has all of them |
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.sdk.histories import check_aggregates, proved_history
from clients.sdk.verified import InFile
from contracts.cash import deposit
from contracts.cash.deposit import Balance
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.proofs.history import ProvedHistory

DEPOSIT = "deposit"
NOTHING = (0, 0)
"""The balance of an account without a line."""


@dataclass(frozen=True, slots=True)
class VerifiedStatement(InFile):
    """The statement of one custody account, proved."""

    bank: str
    client: str
    currency: str
    proved: ProvedHistory
    data: bytes
    """The statement file."""

    @property
    def balance(self) -> Balance:
        """What is on the account at that height."""
        entry = self.proved.entry
        return Balance(*NOTHING) if entry is None else Balance._make(entry.aggregates)

    @property
    def lines(self) -> tuple[codec.Value, ...]:
        """The lines, oldest first; `contracts.cash.cash_views.line_view` names their parts."""
        return self.proved.records


def statement_subject(key: bytes) -> tuple[str, str, str] | None:
    """(bank, client, currency) of a statement's state key; None for another kind of history."""
    parts = codec.decode(key, MAX_STATE_KEY_BYTES)
    if type(parts) is tuple and len(parts) == 4 and parts[0] == DEPOSIT:
        bank, client, currency = (str(part) for part in parts[1:])
        return bank, client, currency
    return None


def read_statement(data: bytes, genesis: GenesisBlock) -> VerifiedStatement:
    """The verified statement that a file holds.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims.
    """
    # 1. The lines are proved, 2. under rules that we know.
    proved = proved_history(data, genesis)
    # 3. They are those of a custody account.
    subject = statement_subject(proved.key)
    if subject is None:
        raise VerificationError("not the statement of a custody account", field="key")
    # 4. The lines add up to the balance.
    if proved.is_complete:
        check_aggregates(proved, NOTHING, deposit.fold)
    if proved.entry is not None and (
        type(proved.entry.aggregates) is not tuple or len(proved.entry.aggregates) != len(NOTHING)
    ):
        raise Malformed("not a balance", field="aggregates")
    return VerifiedStatement(*subject, proved, data)
