"""The operation table: every operation that the ledger knows, in one place.

An operation is a name, a strict model, the roles whose keys may sign it, and a handler. The API's schema, the
CLI's help and the documents are made from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from contracts.cash import custody, deposit, exchange, payment, redemption, refund, settlement
from contracts.certificates import certificate, certificate_sale, maturity, overpayment
from contracts.context import Context, Run
from contracts.errors import FORM_REMEDIES
from contracts.fields import MAX_SHOWN, Operation, complaint
from contracts.finance import (
    collection,
    default,
    funding,
    model,
    offer,
    pledge,
    programme,
    recourse,
    release,
    request,
    secondary,
)
from contracts.insurance import indemnity, policy, subrogation, underwriting
from contracts.market import allotment, auction, bid, early_payment, share
from contracts.parties import affiliation, calendar, identity, membership, payee
from contracts.parties.identity import BANK, BUYER, CARRIER, INSURER, LENDER, OPERATOR, REGULATOR, SUPPLIER
from contracts.reverse_factoring import enrolment, extension, payables, pool
from contracts.trade import (
    amendment,
    billing,
    confirmation,
    credit,
    invoice,
    order,
    receipt,
    redirection,
    shipment,
)
from ledger.codec import Value
from ledger.errors import Malformed
from ledger.identifiers import NAME_FORM, NAME_PATTERN
from ledger.money import MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """One row of the table; no role means: any organisation's key."""

    name: str
    model: type[Operation]
    handle: Callable[[Context, Any], None]
    roles: tuple[str, ...]
    run: Callable[[Context], Run] | None
    """Takes those that follow one another in an atomic transaction, where that is less work."""

    @property
    def summary(self) -> str:
        """One sentence for people."""
        return (self.model.__doc__ or "").strip().splitlines()[0]


_ROWS: tuple[tuple[type[Operation], Callable[[Context, Any], None], tuple[str, ...]], ...] = (
    (calendar.DateAdvance, calendar.advance, (OPERATOR,)),
    (identity.KeyAdd, identity.add_key, ()),
    (identity.KeyRevoke, identity.revoke_key, ()),
    (affiliation.AffiliationDeclare, affiliation.declare, ()),
    (affiliation.AffiliationRecord, affiliation.record, (OPERATOR, REGULATOR)),
    (membership.MembershipPropose, membership.propose, ()),
    (membership.MembershipApprove, membership.approve, ()),
    (membership.MembershipWithdraw, membership.withdraw, ()),
    (membership.NodeLocate, membership.locate, ()),
    (order.OrderSubmit, order.submit, (SUPPLIER,)),
    (order.OrderIssue, order.issue, (BUYER,)),
    (order.OrderAcknowledge, order.acknowledge, (SUPPLIER,)),
    (order.OrderClose, order.close, (BUYER,)),
    (order.OrderCancel, order.cancel, (BUYER, SUPPLIER)),
    (amendment.AmendmentPropose, amendment.propose, (BUYER, SUPPLIER)),
    (amendment.AmendmentAgree, amendment.agree, (BUYER, SUPPLIER)),
    (amendment.AmendmentDecline, amendment.decline, (BUYER, SUPPLIER)),
    (shipment.ShipmentCreate, shipment.create, (SUPPLIER,)),
    (shipment.ShipmentDispatch, shipment.dispatch, (SUPPLIER,)),
    (shipment.ShipmentDepart, shipment.depart, (SUPPLIER, CARRIER)),
    (shipment.ShipmentDeliver, shipment.deliver, (CARRIER,)),
    (shipment.ShipmentLose, shipment.lose, (SUPPLIER, CARRIER)),
    (receipt.GoodsReceive, receipt.receive, (BUYER,)),
    (receipt.GoodsRefuse, receipt.refuse_goods, (BUYER,)),
    (receipt.GoodsReturn, receipt.send_back, (BUYER,)),
    (invoice.InvoiceSubmit, billing.submit, (SUPPLIER,)),
    (invoice.InvoiceCancel, invoice.cancel, (SUPPLIER,)),
    (confirmation.InvoiceConfirm, confirmation.confirm, (BUYER,)),
    (confirmation.InvoiceConfirmMany, confirmation.confirm_many, (BUYER,)),
    (confirmation.InvoiceDispute, confirmation.dispute, (BUYER,)),
    (confirmation.DisputeWithdraw, confirmation.withdraw_dispute, (BUYER,)),
    (confirmation.InvoiceReject, confirmation.reject, (BUYER,)),
    (credit.CreditIssue, credit.issue, (SUPPLIER,)),
    (credit.CreditAccept, credit.accept, (BUYER,)),
    (credit.CreditApply, credit.apply, (BUYER,)),
    (credit.CreditReject, credit.reject, (BUYER,)),
    (payment.PaymentAttest, payment.attest, (BANK,)),
    (payment.PaymentMake, payment.make, (BUYER,)),
    (payee.PayeeNominate, payee.nominate, ()),
    (payee.PayeeApprove, payee.approve, ()),
    (redirection.RedirectionPropose, redirection.propose, (SUPPLIER,)),
    (redirection.RedirectionAgree, redirection.agree, (LENDER,)),
    (redirection.RedirectionDecline, redirection.decline, (LENDER,)),
    (redirection.RedirectionAcknowledge, redirection.acknowledge, (BUYER,)),
    (redirection.RedirectionEnd, redirection.end, (LENDER,)),
    (pledge.PledgeRegister, pledge.register, (LENDER,)),
    (pledge.PledgeFinance, pledge.finance, (LENDER,)),
    (pledge.PledgeRelease, pledge.release, (LENDER,)),
    (refund.RefundPay, refund.pay, (SUPPLIER,)),
    (refund.RefundAttest, refund.attest, (BANK,)),
    (custody.CustodyOpen, custody.open_account, (BANK,)),
    (custody.CustodyBlock, custody.block, (BANK,)),
    (custody.CustodyUnblock, custody.unblock, (BANK,)),
    (custody.CustodyClose, deposit.close, (BANK,)),
    (custody.CustodyNominate, custody.nominate, ()),
    (custody.CustodyApprove, custody.approve, (BANK,)),
    (deposit.DepositMint, deposit.mint, (BANK,)),
    (deposit.DepositTransfer, deposit.transfer, ()),
    (redemption.RedemptionRequest, redemption.request, ()),
    (redemption.RedemptionPay, redemption.pay, (BANK,)),
    (redemption.RedemptionDecline, redemption.decline, (BANK,)),
    (model.ModelUpload, model.upload, (LENDER, OPERATOR)),
    (model.ModelPublish, model.publish, (LENDER, OPERATOR)),
    (model.ModelApprove, model.approve, ()),
    (model.ModelRetire, model.retire, ()),
    (programme.ProgrammePublish, programme.publish, (LENDER,)),
    (enrolment.ProgrammeEnrol, enrolment.enrol, (SUPPLIER,)),
    (enrolment.ProgrammeLeave, enrolment.leave, (SUPPLIER,)),
    (payables.PayablesApprove, payables.approve, (BUYER,)),
    (payables.PayablesFinance, payables.finance, (SUPPLIER,)),
    (pool.PayablesReserve, pool.reserve, (LENDER,)),
    (pool.PayablesRelease, pool.release, (LENDER,)),
    (extension.PayablesExtend, extension.extend, (BUYER,)),
    (request.FinanceRequest, request.ask, (SUPPLIER,)),
    (request.RequestQuote, request.quote, (LENDER,)),
    (request.RequestDecline, request.decline, (LENDER,)),
    (request.RequestWithdraw, request.withdraw, (SUPPLIER,)),
    (offer.FinanceOffer, offer.offer, (LENDER,)),
    (offer.FinanceAccept, offer.accept, (SUPPLIER,)),
    (funding.FinanceFund, funding.fund, (BANK,)),
    (funding.FinanceSettle, funding.settle, (LENDER,)),
    (settlement.SettlementCreate, offer.create_settlement, (LENDER,)),
    (settlement.SettlementAttest, settlement.attest, (BANK,)),
    (settlement.SettlementReturn, settlement.return_cash, (BANK,)),
    (early_payment.EarlyOffer, early_payment.offer, (BUYER,)),
    (early_payment.EarlyAccept, early_payment.accept, (SUPPLIER,)),
    (early_payment.EarlyPay, early_payment.pay, (BUYER,)),
    (early_payment.EarlyWithdraw, early_payment.withdraw, (BUYER, SUPPLIER)),
    (auction.AuctionOpen, auction.open_auction, (SUPPLIER,)),
    (bid.AuctionBid, bid.bid, (LENDER,)),
    (bid.AuctionReveal, bid.reveal, (LENDER,)),
    (allotment.AuctionRank, allotment.rank, ()),
    (allotment.AuctionAccept, allotment.accept, (SUPPLIER,)),
    (share.AuctionPay, share.pay, (LENDER,)),
    (auction.AuctionWithdraw, share.withdraw, (SUPPLIER,)),
    (exchange.ExchangeRequest, exchange.request, ()),
    (exchange.ExchangeQuote, exchange.quote, ()),
    (exchange.ExchangeAccept, exchange.accept, ()),
    (exchange.ExchangeDecline, exchange.decline, ()),
    (secondary.ResaleOffer, secondary.offer, (LENDER,)),
    (secondary.ResaleSettle, secondary.settle, (LENDER,)),
    (secondary.ResaleFund, secondary.fund, (BANK,)),
    (secondary.ResaleWithdraw, secondary.withdraw, (LENDER,)),
    (collection.FinanceCharge, collection.charge, (LENDER,)),
    (release.ReleasePay, release.pay, (SUPPLIER,)),
    (release.ReleaseAttest, release.attest, (BANK,)),
    (default.DefaultDeclare, default.declare, (LENDER, SUPPLIER)),
    (default.DefaultWriteOff, default.write_off, (LENDER, SUPPLIER)),
    (recourse.RecourseDemand, recourse.demand, (LENDER,)),
    (recourse.RecourseContest, recourse.contest, (SUPPLIER,)),
    (recourse.RecoursePay, recourse.pay, (SUPPLIER,)),
    (recourse.RecourseAttest, recourse.attest, (BANK,)),
    (recourse.RecourseOffset, recourse.offset, (LENDER,)),
    (recourse.RecoursePropose, recourse.propose, (SUPPLIER,)),
    (recourse.RecourseSubstitute, recourse.substitute, (LENDER,)),
    (recourse.RecourseClose, recourse.close, (LENDER,)),
    (certificate.CertificateIssue, certificate.issue, (BUYER,)),
    (certificate.CertificateAccept, certificate.accept, (SUPPLIER,)),
    (certificate.CertificateDecline, certificate.decline, ()),
    (certificate.CertificateSplit, certificate.split, (SUPPLIER,)),
    (certificate.CertificateTransfer, certificate.transfer, (SUPPLIER,)),
    (certificate.CertificateFreeze, certificate.freeze, (OPERATOR, REGULATOR)),
    (certificate.CertificateUnfreeze, certificate.unfreeze, (OPERATOR, REGULATOR)),
    (certificate_sale.CertificateReserve, certificate_sale.reserve, (SUPPLIER,)),
    (certificate_sale.CertificateSettle, certificate_sale.settle, (LENDER,)),
    (certificate_sale.CertificateFund, certificate_sale.fund, (BANK,)),
    (certificate_sale.CertificateRelease, certificate_sale.release, (LENDER,)),
    (certificate_sale.CertificateRepay, certificate_sale.repay, (SUPPLIER,)),
    (maturity.CertificateRedeem, maturity.redeem, (BUYER,)),
    (maturity.CertificateCollect, maturity.collect, (BANK,)),
    (overpayment.CertificateRefund, overpayment.refund, (BANK,)),
    (maturity.CertificateDishonour, maturity.dishonour, (SUPPLIER, LENDER)),
    (maturity.CertificateWriteOff, maturity.write_off, (SUPPLIER, LENDER)),
    (offer.FinanceWithdraw, offer.withdraw, (LENDER, SUPPLIER)),
    (underwriting.PolicyQuote, underwriting.quote, (INSURER,)),
    (policy.PolicyBind, policy.bind, (SUPPLIER, LENDER)),
    (policy.PremiumPay, policy.pay_premium, (SUPPLIER, LENDER)),
    (policy.PremiumAttest, policy.attest_premium, (BANK,)),
    (policy.PolicySuspend, policy.suspend, (INSURER,)),
    (policy.PolicyResume, policy.resume, (INSURER,)),
    (policy.PolicyLimit, policy.lower_limit, (INSURER,)),
    (indemnity.ClaimNotify, indemnity.notify, (SUPPLIER, LENDER)),
    (indemnity.ClaimAcknowledge, indemnity.acknowledge, (INSURER,)),
    (indemnity.ClaimFile, indemnity.file, (SUPPLIER, LENDER)),
    (indemnity.ClaimAccept, indemnity.accept, (INSURER,)),
    (indemnity.ClaimReject, indemnity.reject, (INSURER,)),
    (indemnity.ClaimDispute, indemnity.dispute, (SUPPLIER, LENDER)),
    (indemnity.ClaimWithdraw, indemnity.withdraw, (SUPPLIER, LENDER)),
    (subrogation.IndemnityPay, subrogation.pay, (INSURER,)),
    (subrogation.IndemnityAttest, subrogation.attest, (BANK,)),
    (subrogation.ClaimSubrogate, subrogation.subrogate, (SUPPLIER, LENDER)),
    (subrogation.RecoveryCede, subrogation.cede, (SUPPLIER, LENDER)),
    (subrogation.RecoveryAttest, subrogation.attest_recovery, (BANK,)),
)


_RUNS: dict[type[Operation], Callable[[Context], Run]] = {invoice.InvoiceSubmit: billing.Billing}


def _spec(
    model: type[Operation], handle: Callable[[Context, Any], None], roles: tuple[str, ...]
) -> OperationSpec:
    (name,) = model.model_fields["op"].annotation.__args__  # type: ignore[union-attr]
    return OperationSpec(name, model, handle, roles, _RUNS.get(model))


OPERATIONS: dict[str, OperationSpec] = {spec.name: spec for spec in (_spec(*row) for row in _ROWS)}
_readers: dict[str, Callable[[dict[str, Value]], Operation]] = {}
"""Of the operations that were read so far; a pure function of `OPERATIONS`."""


def _reader(name: str) -> Callable[[dict[str, Value]], Operation] | None:
    spec = OPERATIONS.get(name)
    if spec is None:
        return None
    spec.model.model_rebuild()
    _readers[name] = read = spec.model.__pydantic_validator__.validate_python
    return read


def parse(fields: dict[str, Value], index: int = 0) -> Operation:
    """The typed operation of a map, the `index`-th of its transaction.

    Raises:
        Malformed: an operation that the table does not have, or a field that its model refuses.
    """
    name = fields["op"]
    read = _readers.get(name) or _reader(name)
    if read is None:
        raise Malformed(
            "unknown operation",
            code="unknown_operation",
            field=f"operations[{index}].op",
            found=str(fields["op"])[:64],
            expected="a name of the operation table",
            remedy=FORM_REMEDIES["unknown_operation"],
        )
    try:
        operation: Operation = read(fields)
    except ValidationError as error:
        raise _malformed(error, fields["op"], index) from None
    return operation


_FORM_CODES = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "unknown_currency": "unknown_currency",
    "identifier": "identifier",
    "string_pattern_mismatch": "identifier",
    "string_too_long": "too_long",
    "string_too_short": "missing_field",
    "too_long": "too_long",
    "too_short": "missing_field",
    "date": "date",
    "lei": "lei",
    "digest": "digest",
    "shipment_unit": "shipment_unit",
}
assert {
    *_FORM_CODES.values(),
    "unknown_operation",
    "malformed_operation",
    "negative_amount",
    "amount_overflow",
} <= FORM_REMEDIES.keys()


def _malformed(error: ValidationError, name: str, index: int) -> Malformed:
    """The first complaint of the model, in our form; it shows at most 64 characters of the input."""
    first = error.errors(include_url=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    kind, found = first["type"], first["input"]
    code = _FORM_CODES.get(kind, "malformed_operation")
    if kind == "greater_than_equal" and isinstance(found, int) and found < 0:
        code = "negative_amount"
    if kind == "less_than_equal" and first["ctx"]["le"] == MAX_AMOUNT:
        code = "amount_overflow"
    expected = complaint(first["msg"])
    if kind == "string_pattern_mismatch":
        is_name = first["ctx"]["pattern"] == NAME_PATTERN
        expected = NAME_FORM if is_name else "visible characters in the form of the operation table"
    return Malformed(
        f"{name} is not well formed",
        code=code,
        field=f"operations[{index}]{place}",
        found="nothing" if kind == "missing" else ascii(found)[:MAX_SHOWN],
        expected=expected,
        remedy=FORM_REMEDIES[code],
    )
