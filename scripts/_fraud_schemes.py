"""Every fraud of the table of docs/fraud.md, each in the ways that somebody would try."""

from __future__ import annotations

from _fraud_cases import NOTHING, SCREENING, Scheme
from _fraud_invoices import (
    above_order,
    altered_more,
    altered_off_order,
    altered_on_order,
    altered_without_order,
    billed_again,
    buyer_colludes,
    confirms_itself,
    credits_after_sale,
    dear_order,
    future_date,
    little_dearer,
    never_confirmed,
    no_goods,
    old_date,
    old_date_sold,
    pledged_elsewhere,
    rebilled,
    rebilled_later,
    same_unit,
    sold_twice,
    stranger_confirms,
)
from _fraud_money import (
    changed_bid,
    dust,
    early_look,
    enrolled_key,
    late_notice,
    margin_at_each_step,
    one_account,
    one_address,
    one_stolen_key,
    paid_to_seller,
    paid_too_soon,
    paid_unseen,
    redirected_for_another,
    shipped_uncovered,
    silent_sisters,
    there_and_back,
    three_in_a_ring,
    too_deep,
)

FRAUDS: tuple[Scheme, ...] = (
    Scheme("same invoice twice here", "under another number", billed_again, trades=False),
    Scheme("same invoice twice here", "sold to two lenders", sold_twice, trades=False),
    Scheme(
        "same invoice elsewhere", "as it is, renumbered or at another amount", pledged_elsewhere, trades=False
    ),
    Scheme("altered number or amount", "without an order", altered_without_order, SCREENING, ("near_match",)),
    Scheme(
        "altered number or amount", "by more than a percent or a week", altered_more, NOTHING, ("near_match",)
    ),
    Scheme("altered number or amount", "on its order", altered_on_order, trades=False),
    Scheme("altered number or amount", "without its order", altered_off_order, SCREENING, ("near_match",)),
    Scheme("fictitious invoice", "no goods", no_goods, trades=False),
    Scheme("fictitious invoice", "never confirmed", never_confirmed, trades=False),
    Scheme("fictitious invoice", "the buyer signs all of it", buyer_colludes, NOTHING, ("payment_missing",)),
    Scheme("forged confirmation", "by the supplier's key", confirms_itself, trades=False),
    Scheme("forged confirmation", "by another buyer's key", stranger_confirms, trades=False),
    Scheme("inflated invoice", "above the order", above_order, trades=False),
    Scheme("inflated invoice", "the order is inflated too", dear_order, SCREENING, ("price_outlier",)),
    Scheme("inflated invoice", "the order is a little dearer", little_dearer, NOTHING, ("price_outlier",)),
    Scheme(
        "seller keeps collections", "paid to its account", paid_to_seller, SCREENING, ("seller_collects",)
    ),
    Scheme(
        "seller keeps collections",
        "redirected for another lender",
        redirected_for_another,
        SCREENING,
        ("redirected_elsewhere",),
        trades=False,
    ),
    Scheme(
        "seller keeps collections", "paid where no bank sees it", paid_unseen, SCREENING, ("payment_missing",)
    ),
    Scheme("round-tripping", "three in a ring", three_in_a_ring, SCREENING, ("round_trip",)),
    Scheme("round-tripping", "with a margin at each step", margin_at_each_step, NOTHING, ("round_trip",)),
    Scheme("round-tripping", "there and back", there_and_back, SCREENING, ("round_trip",)),
    Scheme("related party", "parent in the register only", silent_sisters, SCREENING, ("related_party",)),
    Scheme("related party", "one account", one_account, SCREENING, ("related_party",)),
    Scheme("related party", "one address", one_address, SCREENING, ("related_party",)),
    Scheme("backdating", "an old date", old_date, SCREENING, ("backdated",)),
    Scheme("backdating", "an old date, sold", old_date_sold, trades=False),
    Scheme("backdating", "a date to come", future_date, trades=False),
    Scheme("reused shipment", "the same logistic unit", same_unit, trades=False),
    Scheme(
        "credit note after finance", "again and again", credits_after_sale, SCREENING, ("dilution_trend",)
    ),
    Scheme("ageing by re-invoicing", "credited and billed anew", rebilled, SCREENING, ("rebilled",)),
    Scheme("ageing by re-invoicing", "billed anew after a month", rebilled_later, NOTHING, ("rebilled",)),
    Scheme("smurfing by splits", "below the smallest piece", dust, trades=False),
    Scheme("smurfing by splits", "below the last tier", too_deep, trades=False),
    Scheme("peeking at bids", "another bid than the sealed one", changed_bid, trades=False),
    Scheme("peeking at bids", "opened while others bid", early_look, trades=False),
    Scheme("changed payee account", "one stolen key", one_stolen_key, trades=False),
    Scheme("changed payee account", "a key enrolled for it", enrolled_key, trades=False),
    Scheme("changed payee account", "before it is in force", paid_too_soon, trades=False),
    Scheme("voided insurance", "notified late", late_notice, trades=False),
    Scheme("voided insurance", "shipped after the cover", shipped_uncovered, trades=False),
)
