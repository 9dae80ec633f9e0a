"""The codes with which an operation is refused, each with what to do about it.

A refusal is a `ledger.errors.Refusal`; it goes on the ledger as (operation index, code, detail). Codes are
stable: clients branch on them. `REMEDIES` is the whole list for the contracts, those of the price and of the
value types (`contracts.pricing.price`, `ledger.money`) included.

    TallyError
    ├── Refusal           a rule says no: recorded, the node goes on
    └── InvariantBroken   a law does not hold: our own bug, the node stops before it is on the ledger
"""

from __future__ import annotations

from ledger.errors import Refusal

REMEDIES: dict[str, str] = {
    # authority
    "unknown_key": "Sign with a key that is enrolled on this ledger; `key.add` enrols one.",
    "revoked_key": "Sign with a key of the organisation that is not revoked.",
    "wrong_role": "Sign with a key of an organisation that has the role.",
    "not_party": "Only the organisation named in the document may do this.",
    "same_approver": "Supplier's and buyer's keys must be enrolled by different organisations.",
    "same_party": "Supplier and buyer must be two organisations.",
    "unknown_organisation": "Use the id of an organisation on this ledger that has the role.",
    "key_exists": "A key is enrolled once; make a fresh one.",
    "last_key": "Add another key first, or ask the operator.",
    # membership
    "runs_no_voter": "An organisation that runs a voter of the membership in force decides about it.",
    "no_node_right": "Ask for the role node_operator, or run the node for an organisation that has it.",
    "unknown_node": "Use the id of a voter or learner; `tally network members` lists them.",
    "node_id_used": "Take a node id that was never used: an id belongs to one disk for ever.",
    "node_key_used": "Make a fresh key for the node: `tally network readmit` does.",
    "certificate_of_other_key": "Send the certificate that was made for the node's key.",
    "key_not_possessed": "Sign channel, node, organisation, key and certificate with the node's key.",
    "already_voter": "Nothing needs to be done.",
    "not_a_voter": "Only a voter can be demoted; remove a learner instead.",
    "no_voter_left": "Give another node a vote first.",
    "no_change": "Nothing needs to be done.",
    "membership_impossible": "Look at quorum and number of nodes; `tally network members` shows them.",
    "change_in_progress": "Wait until the adopted change is in force, or abandon it before voters change.",
    "unknown_proposal": "Use the name of a proposal; `tally network members` lists those that are open.",
    "proposal_closed": "Make a new proposal.",
    "proposal_expired": "Make a new proposal.",
    "already_approved": "Nothing needs to be done: the others must approve.",
    # models
    "model_proposed": "Approve the proposal that stands, or upload and publish other bytes.",
    "model_incomplete": "Upload every part first.",
    "model_hash": "Upload the parts in their order; all but the last have the full length.",
    "model_form": "Publish what `contracts.pricing.model` encodes, within its bounds.",
    "model_feature": "Name features that the model reads.",
    "unknown_model": "Publish the model in this role first.",
    # form across fields
    "line_twice": "Name each line once.",
    "sum_mismatch": "gross = lines - allowances + charges + tax - prepaid + rounding, to the minor unit.",
    "tax_too_high": "The tax may not pass the sum of the lines.",
    "tax_category": "Give each line the category and rate of one row of taxes, or leave both out.",
    "tax_mismatch": "Tax = taxable amount times rate, to one minor unit, in each category.",
    "charge_not_ordered": "Charge what is due as a line of the order.",
    "rounding_too_large": "Round to one unit of the currency at most; what is more is a line.",
    "date_in_future": "Use a date up to the ledger's business date.",
    "date_order": "Check the order of the dates.",
    "date_too_far": "Use an earlier date.",
    # documents
    "duplicate_number": "Use another number, or look at the document that has it.",
    "duplicate_invoice": "The same invoice is on the ledger under another number.",
    "unknown_order": "Submit and issue the order first.",
    "order_not_issued": "The buyer must issue the order first; a cancelled one is over.",
    "goods_under_way": "Wait until the goods are received, refused or lost.",
    "credit_due": "Issue and accept a credit note over the units that went back.",
    "unknown_amendment": "Propose the amendment first.",
    "amendment_replaced": "Look at the amendment that stands now, then name its number.",
    "too_many_amendments": "Close the order and issue another one.",
    "too_many_lines": "Order more lines under another number.",
    "below_progress": "Order at least what was shipped, received and billed.",
    "price_billed": "Keep the price, or add a line at the new one.",
    "order_differs": "Issue the draft as it stands, without fields of its own.",
    "order_incomplete": "Without a draft give currency, date and lines.",
    "unknown_line": "Use a line of the order.",
    "unknown_shipment": "Dispatch the shipment first.",
    "return_too_late": "Agree on a credit note instead.",
    "unit_used": "A shipment unit is used once on the whole ledger.",
    "exceeds_ordered": "Ship at most what was ordered, within the tolerance.",
    "exceeds_shipped": "Accept and reject at most what was shipped.",
    "exceeds_accepted": "Bill, or send back, at most what the buyer has accepted.",
    "exceeds_billed": "Credit at most the units that the invoice still bills.",
    "price_above_order": "Bill at most the price of the order, within the tolerance.",
    "unknown_invoice": "Submit the invoice first.",
    "wrong_state": "Look at the document's present state.",
    "already_disputed": "One dispute is open; a confirmation, a rejection or its withdrawal ends it.",
    "title_not_free": "Withdraw the offer, or wait until the invoice is settled.",
    "due_date_later": "Confirm the due date of the invoice, or an earlier one.",
    "exceeds_gross": "Use an amount up to what the invoice still allows.",
    "exceeds_outstanding": "Use an amount up to what is outstanding.",
    "below_paid": "Confirm at least what has been paid.",
    "unknown_credit": "Issue the credit note first.",
    # money
    "bank_entry_used": "A bank entry is consumed once.",
    "account_of_other_bank": "Attest only on accounts of your own bank.",
    "custody_account": "Attest this money as a deposit of its client: deposit.mint, redemption.pay.",
    "not_custody_account": "Use the account number that the bank opened for this client and currency.",
    "account_used": "Use an account number that has no other use.",
    "duplicate_custody": "Use the account that the client has.",
    "no_deposit": "Ask the settlement bank to open a custody account.",
    "custody_not_open": "Ask the settlement bank about the account.",
    "deposit_not_empty": "Let the client redeem or transfer what is on the account first.",
    "no_nomination": "The client nominates the payout account first; the bank approves exactly that.",
    "insufficient_funds": "Pay at most what is available, or send the bank more money first.",
    "same_currency": "Name two currencies; within one a transfer does it.",
    "unknown_exchange": "The client asks for the exchange first.",
    "rate_mismatch": "Quote the wanted amount x rate, rounded up to the minor unit.",
    "quote_time": "Let the quote stand for at most a day from the ledger's newest block.",
    "quote_expired": "Ask the maker again, under another number.",
    "quote_stands": "Wait until the quote has run out; the client may decline it at any time.",
    "unknown_settlement": "The lender opens the settlement first.",
    "nothing_held": "Nothing needs to be returned.",
    "in_settlement": "The bank that holds the cash attests the payout: finance.fund.",
    "unknown_redemption": "The client asks for the redemption first.",
    "payer_mismatch": "The payer must be the buyer of the invoice.",
    "amount_mismatch": "Use the amount of the agreed offer.",
    # finance
    "unknown_programme": "Publish the programme first.",
    "programme_of_other_lender": "Use another programme id.",
    "no_offer": "There is no such offer, or it was withdrawn, expired or voided.",
    "already_accepted": "The offer was accepted.",
    "not_accepted": "The supplier must accept the offer first.",
    "quote_stale": "Ask for a fresh quote and offer exactly that.",
    "too_many_expiring": "Let the offer expire on another day.",
    "financed_often": "An invoice is financed at most 16 times; take another one.",
    "not_financed": "Take an invoice that a lender has bought or advanced money on.",
    "costs_too_high": "Charge at most what the programme allows of the net bought.",
    "not_in_default": "Wait until the programme's days past due have gone by.",
    "not_pledged": "Only a pledge is released by repayment; a sold receivable goes back under a recourse.",
    "unknown_recourse": "The lender demands first: recourse.demand.",
    "recourse_open": "One demand stands at a time; close it first.",
    "without_recourse": "The lender bears the buyer's credit: demand for dilution or a breach of warranty.",
    "no_shortfall": "Nothing was credited beyond the supplier's reserve.",
    "reserve_too_small": "The supplier pays: the reserve does not cover the demand.",
    "not_substitutable": "Propose a confirmed, free, undisputed invoice to this buyer that covers the claim.",
    # auctions
    "unknown_auction": "The supplier opens the auction first.",
    "in_auction": "Wait until the invoice's auction is over, or withdraw it.",
    "wrong_phase": "Wait for the phase; `tally auction show` lists the days of each.",
    "already_bid": "A sealed bid is final: it can be opened, not changed.",
    "too_many_bids": "Bid in another auction.",
    "unknown_bid": "Bid in the Commit phase; it can be opened in the Reveal phase.",
    "already_revealed": "Nothing needs to be done: the bid is open.",
    "bid_mismatch": "Open exactly the bid and salt that were committed, under the key of the same lender.",
    "rate_too_high": "A bid above the supplier's highest rate takes no part.",
    "bid_too_small": "A bid under the auction's smallest takes no part.",
    "already_sealed": "Bids are being opened: let the auction expire instead.",
    "auction_stale": "The invoice has changed: let the auction expire, and open another.",
    "already_paid": "Nothing needs to be done: the last winner's payment moves everything.",
    # early payment
    "early_running": "One offer stands at a time: withdraw it first, or let it expire.",
    "no_early_offer": "The buyer offers early payment first.",
    "early_stale": "The invoice has changed: let the offer expire, and make another.",
    "steps_order": "Give days ascending and discounts descending.",
    # the price
    "not_confirmed": "The buyer must confirm the invoice first.",
    "disputed": "Resolve the dispute first.",
    "backdated": "Use a programme that takes backdated invoices.",
    "already_financed": "Take another invoice: a claim ends only by payment, withdrawal or expiry.",
    "obligor_not_eligible": "Use a programme that takes this buyer.",
    "nothing_outstanding": "The invoice has nothing left to pay.",
    "past_due": "Only invoices before their due date are bought.",
    "tenor_too_short": "Use a programme with a shorter tenor.",
    "tenor_too_long": "Use a programme with a longer tenor.",
    "nothing_paid_out": "Discount and fee would eat the advance.",
    "limit_exceeded": "Wait until exposure falls, or ask the lender for a higher limit.",
    # insurance
    "unknown_policy": "Use the number of a policy, and the organisation id of its insurer.",
    "nothing_insured": "Quote a deductible below the maximum.",
    "premium_stale": "Quote the premium that the ledger expects today.",
    "too_many_changes": "Quote a new policy.",
    "limit_not_lower": "Quote a new policy for a higher limit.",
    "buyer_not_covered": "Ask the insurer for a limit for this buyer and supplier.",
    "policy_not_active": "Bind the policy and pay its premium first.",
    "shipped_uncovered": "What has left without cover is not insured; ask for cover before goods leave.",
    "limit_withdrawn": "What left without a limit is not insured; ask for one before goods leave.",
    "shipments_missing": "Name the dispatched shipments that carry all that the invoice bills.",
    "no_interest": "Whoever holds the claim on the invoice is insured for it.",
    "not_overdue": "Wait until the due date has passed.",
    "notified_too_late": "Cover of this invoice is void; notify the others before their last day.",
    "waiting_period": "File when the waiting period is over.",
    "already_notified": "Look at the claim that stands on the invoice.",
    "unknown_claim": "Use the number of a claim, and the organisation id of its assured.",
    "nothing_to_indemnify": "Look at loss, deductible, limit left and maximum of the policy.",
    "nothing_recovered": "Nothing needs to be done until more comes in.",
    # values
    "currency_mismatch": "Use the currency of the document.",
    "too_many_currencies": "Use a currency that the two parties already trade in.",
    "amount_overflow": "Split the document; the bounds are listed in docs/protocol.md.",
    "negative_amount": "Use an amount of at least zero.",
    "cannot_split": "There must be something to split by.",
}


def refuse(
    code: str,
    detail: str,
    *,
    field: str | None = None,
    found: object = None,
    expected: object = None,
) -> Refusal:
    """The refusal of a code of the table, with its remedy."""
    return Refusal(code, detail, field=field, found=found, expected=expected, remedy=REMEDIES[code])


class InvariantBroken(AssertionError):
    """A numbered invariant does not hold; raised with or without `python -O`."""

    def __init__(self, number: int, detail: str) -> None:
        super().__init__(f"invariant {number}: {detail}")
        self.number = number
