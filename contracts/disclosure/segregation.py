"""Segregation of client money: custody accounts, nothing pooled, every bank's books against the ledger.

| check | holds if |
|---|---|
| segregated | each account number keeps the money of one client in one currency |
| kept | each deposit lies on a custody account |
| covered | per bank and currency: deposits = minted - redeemed, what the bank owes |
| set aside | what is held on each deposit is the sum of its holds |
| stated | the closing balance of each account in the bank's statement is that of the ledger |
| unstated | of each account with money on it there is a closing balance |

The first four follow from the state; the others from the banks' camt.053, if the reader has any. What a bank
keeps for itself stands apart in the same way. A breach is a row of the sheet `findings`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from contracts.cash.custody import STATUS, Custody
from contracts.cash.deposit import Balance, Hold
from contracts.disclosure.sheet import Count, Day, Disclosure, Minor, Sheet
from contracts.disclosure.source import Source

OWN, CLIENT = "own money", "client money"


class Closing(NamedTuple):
    """The closing balance of one account, as a bank's statement gives it."""

    account: str
    currency: str
    amount: int
    """Minor units."""
    day: int


class AccountRow(NamedTuple):
    """One custody account."""

    bank: str
    client: str
    account: str
    status: str
    money: str
    currency: str
    available: Minor
    held: Minor
    total: Minor


class BankRow(NamedTuple):
    """What one bank keeps and owes in one currency."""

    bank: str
    currency: str
    accounts: Count
    client_money: Minor
    own_money: Minor
    minted: Minor
    redeemed: Minor
    owed: Minor
    difference: Minor


class StatementRow(NamedTuple):
    """One account, in the bank's books and on the ledger."""

    bank: str
    client: str
    account: str
    day: Day
    currency: str
    in_the_bank: Minor
    on_the_ledger: Minor
    difference: Minor


class FindingRow(NamedTuple):
    """What does not hold."""

    check: str
    bank: str
    client: str
    account: str
    currency: str
    amount: Minor


def custody(source: Source, bank: str = "", closings: Sequence[Closing] = ()) -> Disclosure:
    """Custody of every bank, or of one, against the closing balances of its statements."""
    accounts = [row for row in _accounts(source) if bank in ("", row.bank)]
    banks = [row for row in _banks(source, accounts) if bank in ("", row.bank)]
    stated = _stated(accounts, closings)
    findings = sorted(
        [
            *_pooled(accounts),
            *(row for row in _unkept(source) if bank in ("", row.bank)),
            *(row for row in _holds(source) if bank in ("", row.bank)),
            *(
                FindingRow("covered", row.bank, "", "", row.currency, row.difference)
                for row in banks
                if row.difference
            ),
            *(
                FindingRow("stated", row.bank, row.client, row.account, row.currency, row.difference)
                for row in stated
                if row.difference
            ),
            *_unstated(accounts, stated, closings),
        ]
    )
    return Disclosure(
        "custody",
        "Custody and segregation of client money",
        source.day,
        {"statements": len(closings)},
        (
            "Each account number keeps the money of one client in one currency, a bank's own apart from it.",
            "Without a bank's statement nothing is said of what lies in the bank, only of what it owes.",
        ),
        (
            Sheet.of("banks", "by bank and currency", BankRow, banks),
            Sheet.of("accounts", "custody accounts", AccountRow, accounts),
            Sheet.of("statements", "the banks' books against the ledger", StatementRow, stated),
            Sheet.of("findings", "what does not hold", FindingRow, findings),
        ),
    )


def _accounts(source: Source) -> list[AccountRow]:
    rows = []
    for (bank, client, currency), value in source.kinds["custody"].items():
        found = Custody._make(value)
        entry = source.kinds["deposit"].get((bank, client, currency))
        balance = Balance(0, 0) if entry is None else Balance._make(entry[2])
        rows.append(
            AccountRow(
                bank,
                client,
                found.account,
                STATUS.states[found.status],
                OWN if bank == client else CLIENT,
                currency,
                balance.available,
                balance.held,
                balance.available + balance.held,
            )
        )
    return sorted(rows)


def _banks(source: Source, accounts: list[AccountRow]) -> list[BankRow]:
    groups: dict[tuple[str, str], list[AccountRow]] = defaultdict(list)
    for row in accounts:
        groups[row.bank, row.currency].append(row)
    rows = []
    issued = {(bank, currency): sums for (bank, currency), sums in source.kinds["issued"].items()}
    for key in sorted(groups.keys() | issued.keys()):
        minted, redeemed = issued.get(key, (0, 0))
        kept = groups.get(key, [])
        own = sum(row.total for row in kept if row.money == OWN)
        clients = sum(row.total for row in kept if row.money == CLIENT)
        owed = minted - redeemed
        rows.append(
            BankRow(key[0], key[1], len(kept), clients, own, minted, redeemed, owed, clients + own - owed)
        )
    return rows


def _pooled(accounts: list[AccountRow]) -> list[FindingRow]:
    """Account numbers that serve more than one client or currency."""
    served: dict[str, list[AccountRow]] = defaultdict(list)
    for row in accounts:
        served[row.account].append(row)
    return [
        FindingRow("segregated", row.bank, row.client, row.account, row.currency, row.total)
        for rows in served.values()
        if len(rows) > 1
        for row in rows
    ]


def _unkept(source: Source) -> list[FindingRow]:
    """Deposits without a custody account."""
    return [
        FindingRow("kept", bank, client, "", currency, sum(entry[2]))
        for (bank, client, currency), entry in source.kinds["deposit"].items()
        if (bank, client, currency) not in source.kinds["custody"]
    ]


def _holds(source: Source) -> list[FindingRow]:
    """Deposits whose held part is not the sum of its holds; the difference."""
    held: dict[tuple[str, str, str], int] = defaultdict(int)
    for value in source.kinds["hold"].values():
        hold = Hold._make(value)
        held[hold.bank, hold.owner, hold.currency] -= hold.amount
    for (bank, client, currency), entry in source.kinds["deposit"].items():
        held[bank, client, currency] += Balance._make(entry[2]).held
    return [
        FindingRow("set aside", bank, client, "", currency, difference)
        for (bank, client, currency), difference in held.items()
        if difference
    ]


def _unstated(
    accounts: list[AccountRow], stated: list[StatementRow], closings: Sequence[Closing]
) -> list[FindingRow]:
    """Accounts with money on them of which no statement says anything, if there are statements."""
    known = {(row.account, row.currency) for row in stated}
    return [
        FindingRow("unstated", row.bank, row.client, row.account, row.currency, row.total)
        for row in accounts
        if closings and row.total and (row.account, row.currency) not in known
    ]


def _stated(accounts: list[AccountRow], closings: Sequence[Closing]) -> list[StatementRow]:
    """Each account that a statement names; of several statements of one account the newest counts."""
    newest: dict[tuple[str, str], Closing] = {}
    for closing in sorted(closings, key=lambda closing: closing.day):
        newest[closing.account, closing.currency] = closing
    rows = []
    for row in accounts:
        found = newest.get((row.account, row.currency))
        if found is not None:
            rows.append(
                StatementRow(
                    row.bank,
                    row.client,
                    row.account,
                    found.day,
                    row.currency,
                    found.amount,
                    row.total,
                    found.amount - row.total,
                )
            )
    return rows
