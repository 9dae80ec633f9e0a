"""The forms of the cash views, for the OpenAPI document; `contracts.cash.cash_views` makes the values."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class DepositView(View):
    """A custody account and what is on it."""

    bank: str
    client: str
    currency: str
    account: str = Field(description="account number in the bank's books, for this money alone")
    status: str = Field(description="Open, Blocked or Closed")
    own: bool = Field(description="whether it is the bank's own money")
    opened: str
    payout: str = Field(description="account to which redemptions are paid")
    nominated: str | None = Field(description="payout account that is to come")
    nominated_from: str | None = Field(description="first business day of it, once the bank has approved")
    available: int
    held: int
    lines: int = Field(description="lines of the statement")


class DepositsView(View):
    """A page of custody accounts."""

    deposits: list[DepositView]
    next: str | None


class IssuedView(View):
    """What a bank has issued in one currency: the sum of all deposits there is `owed`."""

    bank: str
    currency: str
    minted: int
    redeemed: int
    owed: int


class IssuedPageView(View):
    """A page of a bank's currencies."""

    issued: list[IssuedView]
    next: str | None


class RedemptionView(View):
    """A redemption."""

    client: str
    redemption: str
    bank: str
    status: str = Field(description="Requested, Paid or Declined")
    currency: str
    amount: int
    payout: str
    requested: str
    account: str | None
    entry: str | None
    reason: str | None


class RedemptionsView(View):
    """A page of redemptions; it may hold fewer than its limit, or none, and still have a next one."""

    redemptions: list[RedemptionView]
    next: str | None


class SettlementView(View):
    """A conditional delivery."""

    lender: str
    settlement: str
    status: str = Field(description="Created, AssetHeld, CashHeld, Settled, Expired or Returned")
    bank: str
    supplier: str
    invoice: str
    currency: str
    amount: int
    account: str | None
    entry: str | None
    return_account: str | None
    return_entry: str | None
    reserved_until: str | None = Field(
        description="last business date on which the title moves against the payout, while it is reserved"
    )
    payee: str | None = Field(description="account to which the supplier is paid, if it has said one")
    lender_payee: str | None = Field(description="the same of the lender, for a return")


class SettlementsView(View):
    """A page of conditional deliveries; it may hold fewer than its limit, or none, and still have a next."""

    settlements: list[SettlementView]
    next: str | None


class FractionView(View):
    """A rate as a fraction of whole units."""

    numerator: int
    denominator: int


class ExchangeView(View):
    """An exchange of two currencies; times are block times in milliseconds since 1970."""

    taker: str
    exchange: str
    status: str = Field(description="Requested, Quoted, Settled, Declined or Expired")
    maker: str
    sold_bank: str
    sold_currency: str
    sold: int
    bought_bank: str
    bought_currency: str
    bought: int
    fee: int
    rate: FractionView | None
    mid: FractionView | None
    expires_ms: int | None
    requested_ms: int
    quoted_ms: int | None
    settled_ms: int | None


class ExchangesView(View):
    """A page of exchanges."""

    exchanges: list[ExchangeView]
    next: str | None


class AccountView(View):
    """A cash account: what the banks' attestations add up to."""

    organisation: str
    account: str
    currency: str
    balance: int


class AccountsView(View):
    """A page of cash accounts."""

    accounts: list[AccountView]
    next: str | None
