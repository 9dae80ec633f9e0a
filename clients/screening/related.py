"""Related parties: a supplier and a buyer that belong together trade with themselves.

| tie | from |
|---|---|
| parent | legal entity identifiers: one is a parent of the other, or both have one parent (GLEIF level 2) |
| address | the same registered address |
| account | both are paid to the same account |

Trade among sisters is lawful and common. It is a note where the tie follows from what both say of themselves;
what only a register, an address or an account shows is an alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clients.screening.facts import Facts
from clients.screening.finding import ALARM, NOTE, Entry, Finding
from clients.screening.trade import Bill, Trade
from clients.wording import counted
from contracts.parties.affiliation import OWN, SOURCES
from ledger.money import Money

CHECK = "related_party"


class _Tie(NamedTuple):
    says: str
    is_disclosed: bool
    evidence: tuple[Entry, ...]


def find(trade: Trade, facts: Facts) -> Iterator[Finding]:
    """One finding for each relationship whose parties belong together."""
    currencies = sorted({bill.currency for bill in trade.bills})
    for (supplier, buyer), bills in sorted(trade.relationships.items()):
        ties = [*_parents(facts, supplier, buyer), *_addresses(facts, supplier, buyer)]
        ties += _accounts(facts, supplier, buyer, currencies)
        if ties:
            yield _finding(supplier, buyer, bills, ties)


def _finding(supplier: str, buyer: str, bills: list[Bill], ties: list[_Tie]) -> Finding:
    is_disclosed = any(tie.is_disclosed for tie in ties)
    stakes: dict[str, int] = {}
    for bill in bills:
        if bill.is_open:
            stakes[bill.currency] = stakes.get(bill.currency, 0) + bill.left
    currency = max(sorted(stakes), key=lambda code: stakes[code], default="")
    amounts = " and ".join(str(Money(stakes[code], code)) for code in sorted(stakes))
    open_now = f"{amounts} {'is' if len(stakes) == 1 else 'are'} open" if amounts else "nothing is open"
    evidence = dict.fromkeys(entry for tie in ties for entry in tie.evidence)
    return Finding(
        CHECK,
        NOTE if is_disclosed else ALARM,
        f"{supplier} and {buyer} belong together: {'; '.join(tie.says for tie in ties)}"
        f"{', as they say themselves' if is_disclosed else ', which they do not both say'}; "
        f"{counted(len(bills), 'invoice')}, {open_now}",
        (supplier, buyer),
        tuple(bill.number for bill in bills if bill.is_open),
        Money(stakes[currency], currency) if currency else None,
        (*evidence, bills[0].place, bills[-1].place),
    )


def _line(facts: Facts, organisation: str, source: str) -> dict[str, tuple[Entry, ...]]:
    """An organisation's own identifier and those of its parents by one source, each with its evidence."""
    entry = Entry(("affiliation", organisation, source))
    known: dict[str, tuple[Entry, ...]] = {}
    own = facts.lei(organisation)
    if own:
        known[own] = (Entry(("org", organisation)),)
    said = facts.affiliation(organisation, source)
    if said is not None:
        for parent in (said.direct_parent, said.ultimate_parent):
            if parent:
                known.setdefault(parent, (entry,))
    return known


def _parents(facts: Facts, supplier: str, buyer: str) -> Iterator[_Tie]:
    for ours in SOURCES:
        for theirs in SOURCES:
            first, second = _line(facts, supplier, ours), _line(facts, buyer, theirs)
            shared = sorted(first.keys() & second.keys())
            if shared:
                evidence = tuple(place for lei in shared for place in (*first[lei], *second[lei]))
                yield _Tie(f"{shared[0]} stands above both", ours == theirs == OWN, evidence)
                return


def _plain(address: str) -> str:
    """An address without what people write differently: case, spaces, points and commas."""
    return "".join(letter for letter in address.casefold() if letter.isalnum())


def _addresses(facts: Facts, supplier: str, buyer: str) -> Iterator[_Tie]:
    sides: list[dict[str, Entry]] = []
    for organisation in (supplier, buyer):
        found = {}
        for source in SOURCES:
            said = facts.affiliation(organisation, source)
            if said is not None and _plain(said.address):
                found[_plain(said.address)] = Entry(("affiliation", organisation, source))
        sides.append(found)
    for address in sorted(sides[0].keys() & sides[1].keys()):
        yield _Tie("they share an address", False, (sides[0][address], sides[1][address]))


def _accounts(facts: Facts, supplier: str, buyer: str, currencies: list[str]) -> Iterator[_Tie]:
    first, second = dict(facts.accounts(supplier, currencies)), dict(facts.accounts(buyer, currencies))
    for account in sorted(first.keys() & second.keys()):
        yield _Tie(f"both are paid to {account}", False, (Entry(first[account]), Entry(second[account])))
