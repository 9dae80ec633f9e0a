"""Amounts at their bounds: every sum can be written, or the operation is refused; a node never stops."""

from __future__ import annotations

import pytest
from cash_ledger import with_deposits
from certificate_ledger import FACE, held, on_leaf, reserve
from trade_ledger import TradeLedger, confirm, invoice, payment, publish

from contracts.finance.claim import exposure_key
from contracts.trade import relationship_records, relationship_sums
from ledger import codec
from ledger.money import MAX_AMOUNT, MAX_TOTAL, AmountOverflow


def test_the_largest_invoices_are_taken_until_a_sum_is_full_and_then_refused() -> None:
    trade = TradeLedger()
    trade.done("loan", publish(limits=[{"obligor": "mega", "limit": MAX_AMOUNT}]))
    codes = set()
    for number in range(12):
        gross = MAX_AMOUNT - number
        trade.done("acme", invoice(f"BIG{number}", gross))
        codes |= {code for _, code, _ in trade.submit("mega", confirm(f"BIG{number}", gross))}
        codes |= {code for _, code, _ in trade.submit("bank", payment(f"BIG{number}", 1, f"IN {number}"))}
    assert codes == {"amount_overflow"}
    assert trade.entry("invoice", "acme", "BIG0")[7] == 1, "the first ones were confirmed"


def test_leaves_are_bought_until_an_exposure_is_full_and_then_refused() -> None:
    """A sale without a programme has no limit: a lender's exposure would pass what can be written."""
    trade = with_deposits(TradeLedger(), 1_000_00, "loan", "acme")
    held(trade)
    trade.done("acme", reserve(price=1_00))
    full = (0, MAX_TOTAL - FACE + 1)
    trade.state.data[exposure_key("loan", "mega", "USD")] = codec.encode(full)
    assert trade.refused("loan", on_leaf("settle", price=1_00, repay=0, bank="bank")) == "amount_overflow"
    trade.state.data[exposure_key("loan", "mega", "USD")] = codec.encode((0, full[1] - 1))
    trade.done("loan", on_leaf("settle", price=1_00, repay=0, bank="bank"))


DAY = 15_000


@pytest.mark.parametrize(
    "record",
    [
        (DAY, "order", "1", "EUR", MAX_TOTAL, DAY),
        (DAY, "confirm", "1", "EUR", 1, DAY, 0, MAX_TOTAL // DAY, 0, 0),
        (DAY, "payment", "1", "EUR", MAX_TOTAL // 10, DAY, DAY - 10, 1, 1, DAY - 40, 1, 0),
        (DAY, "payment", "1", "EUR", MAX_TOTAL // 10, DAY, DAY + 10, 1, 1, DAY - 40, 1, 0),
    ],
    ids=["amounts", "amounts times due days", "amounts times days late", "amounts times days early"],
)
def test_a_sum_beyond_64_bits_is_refused_whichever_it_is(record: tuple[codec.Value, ...]) -> None:
    aggregates = relationship_records.fold(relationship_sums.EMPTY, record)
    codec.encode(aggregates)
    with pytest.raises(AmountOverflow):
        relationship_records.fold(aggregates, record)
