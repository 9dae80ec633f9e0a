"""Purchase orders: who ordered what, and how far each line has come.

    ("order", supplier, buyer, order)            -> Order
    ("order_line", supplier, buyer, order, line) -> OrderLine

A line's entry carries its progress (shipped, accepted, invoiced, …), so that an invoice writes the lines that
it bills and not the whole order. The order keeps how many of its lines are not complete and how many are
billed beyond what the buyer keeps: `put_line` moves a line and both counts together.

A supplier may draft what it was sent on paper; the buyer's issue binds. Shipping an order that was not
acknowledged acknowledges it. Closing ends deliveries, not the right to bill what was accepted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.fields import (
    MAX_LINES,
    Currency,
    Date,
    LineId,
    Number,
    Operation,
    OrderNumber,
    OrganisationId,
    Part,
    PositiveQuantity,
    PriceMicros,
    Reason,
)
from contracts.lifecycle import LifeCycle, Transition
from contracts.parties.identity import BUYER, SUPPLIER
from ledger.money import MAX_AMOUNT, PPM, AmountOverflow, divide_half_away
from ledger.state.overlay import Reader, reading, state_key

DRAFT, ISSUED, ACKNOWLEDGED, PART_RECEIVED, RECEIVED, CLOSED, CANCELLED = range(7)
SHIPPED, TAKEN_IN, SENT_BACK, AMENDED = "goods shipped", "goods received", "goods returned", "order amended"
"""Events of shipments and amendments that move their order."""

LIFE = LifeCycle(
    "order",
    "progress",
    ("Draft", "Issued", "Acknowledged", "PartReceived", "Received", "Closed", "Cancelled"),
    (
        Transition("order.issue", "Draft", "Issued"),
        Transition("order.acknowledge", "Issued", "Acknowledged"),
        Transition(SHIPPED, "Issued", "Acknowledged", "shipping it is taking it on"),
        Transition(SHIPPED, "Acknowledged", "Acknowledged"),
        Transition(SHIPPED, "PartReceived", "PartReceived"),
        Transition(SHIPPED, "Received", "Received", "within the tolerance"),
        Transition(TAKEN_IN, "Acknowledged", "Acknowledged", "nothing was accepted"),
        Transition(TAKEN_IN, "Acknowledged", "PartReceived", "a line is not complete"),
        Transition(TAKEN_IN, "Acknowledged", "Received", "all lines are complete"),
        Transition(TAKEN_IN, "PartReceived", "PartReceived", "a line is not complete"),
        Transition(TAKEN_IN, "PartReceived", "Received", "all lines are complete"),
        Transition(TAKEN_IN, "Received", "Received"),
        Transition(SENT_BACK, "PartReceived", "PartReceived"),
        Transition(SENT_BACK, "Received", "PartReceived", "a line is not complete any more"),
        Transition(SENT_BACK, "Received", "Received", "all lines are still complete"),
        Transition(SENT_BACK, "Closed", "Closed"),
        Transition(AMENDED, "Issued", "Acknowledged", "both have signed"),
        Transition(AMENDED, "Acknowledged", "Acknowledged"),
        Transition(AMENDED, "PartReceived", "PartReceived", "a line is not complete"),
        Transition(AMENDED, "PartReceived", "Received", "all lines are complete"),
        Transition(AMENDED, "Received", "PartReceived", "a line is not complete any more"),
        Transition(AMENDED, "Received", "Received", "all lines are still complete"),
        Transition("order.close", "PartReceived", "Closed"),
        Transition("order.close", "Received", "Closed"),
        Transition("order.cancel", "Draft", "Cancelled"),
        Transition("order.cancel", "Issued", "Cancelled"),
        Transition("order.cancel", "Acknowledged", "Cancelled", "by the buyer, nothing is under way"),
    ),
)


class Order(NamedTuple):
    """State value of an order."""

    status: int
    """Place in the states of `LIFE`."""
    currency: str
    day: int
    lines: tuple[str, ...]
    supplier_approver: str
    buyer_approver: str
    open_lines: int
    """Lines of which less was accepted than ordered."""
    overbilled: int = 0
    """Lines of which more is billed than accepted: a credit note is due."""


class OrderLine(NamedTuple):
    """State value of an order line: what was ordered, and how far it has come. Quantities in units."""

    item: str
    quantity: int
    price_micros: int
    shipped: int = 0
    """On the way, or accepted and kept."""
    accepted: int = 0
    """Accepted and kept: a return takes it off."""
    rejected: int = 0
    """Rejected on receipt, or refused at the door, so far."""
    invoiced: int = 0
    """Billed on live invoices, less what credit notes took off."""
    returned: int = 0
    """Accepted and sent back, so far."""
    lost: int = 0
    """Shipped, and never arrived."""

    @property
    def is_open(self) -> bool:
        """Whether less was accepted than ordered."""
        return self.accepted < self.quantity

    @property
    def to_credit(self) -> int:
        """Units billed beyond what the buyer keeps: a credit note over them is due."""
        return max(0, self.invoiced - self.accepted)


def line_in_order(line: OrderLine, tolerance_ppm: int) -> None:
    """Invariant 7, for quantities; the price is checked against the line when it is billed.

    Only a return may leave more billed than accepted, and at most what was returned.
    """
    _, quantity, _, shipped, accepted, rejected, invoiced, returned, lost = line
    if not 0 <= accepted <= shipped <= quantity * (PPM + tolerance_ppm) // PPM or invoiced < 0:
        raise InvariantBroken(7, f"quantities out of order: {line}")
    if invoiced > accepted + returned or rejected < 0 or returned < 0 or lost < 0:
        raise InvariantBroken(7, f"billed and never accepted: {line}")


class OrderedLine(Part):
    """One line of an order."""

    line: LineId
    item: Number = Field(description="what is ordered: article number or short name")
    quantity: PositiveQuantity
    price_micros: PriceMicros


OrderedLines = Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class OrderSubmit(Operation):
    """A supplier proposes an order that it received; nothing binds until the buyer issues it."""

    op: Literal["order.submit"]
    order: OrderNumber
    buyer: OrganisationId
    currency: Currency
    date: Date = Field(description="order date; ISO text YYYY-MM-DD")
    lines: OrderedLines


class OrderIssue(Operation):
    """A buyer issues an order: the supplier's draft as it stands, or (currency, date, lines) of its own."""

    op: Literal["order.issue"]
    order: OrderNumber
    supplier: OrganisationId
    currency: Currency | None = Field(None, description="ISO 4217 code; only without a draft")
    date: Date | None = Field(None, description="order date; ISO text YYYY-MM-DD; only without a draft")
    lines: OrderedLines | None = Field(None, description="what is ordered; only without a draft")


class OrderAcknowledge(Operation):
    """A supplier takes on an order that the buyer has issued."""

    op: Literal["order.acknowledge"]
    order: OrderNumber
    buyer: OrganisationId


class OrderClose(Operation):
    """A buyer closes an order: nothing more is shipped on it; what was accepted may still be billed."""

    op: Literal["order.close"]
    order: OrderNumber
    supplier: OrganisationId


class OrderCancel(Operation):
    """A buyer cancels its order, or a supplier declines it, before anything was received or billed."""

    op: Literal["order.cancel"]
    order: OrderNumber
    supplier: OrganisationId
    buyer: OrganisationId
    reason: Reason


_as_order, as_line = reading(Order), reading(OrderLine)


@lru_cache(maxsize=4_096)
def order_key(supplier: str, buyer: str, order: str) -> bytes:
    """State key of an order."""
    return state_key("order", supplier, buyer, order)


@lru_cache(maxsize=4_096)
def line_key(supplier: str, buyer: str, order: str, line: str) -> bytes:
    """State key of an order line."""
    return state_key("order_line", supplier, buyer, order, line)


def read_order(state: Reader, supplier: str, buyer: str, order: str) -> Order | None:
    """The order, if there is one."""
    value = state.get(order_key(supplier, buyer, order))
    return None if value is None else _as_order(value)


def known_order(context: Context, supplier: str, buyer: str, order: str) -> Order:
    """The order; refused if there is none."""
    found = read_order(context.state, supplier, buyer, order)
    if found is None:
        raise refuse("unknown_order", "no such order", field="order", found=order)
    return found


_NOT_IN_FORCE = (DRAFT, CANCELLED)


def issued_order(context: Context, supplier: str, buyer: str, order: str) -> Order:
    """The order, if the buyer has issued it and nobody cancelled it; refused otherwise."""
    found = known_order(context, supplier, buyer, order)
    if found.status in _NOT_IN_FORCE:
        raise refuse(
            "order_not_issued",
            "order not in force",
            field="order",
            found=LIFE.states[found.status],
            expected="an order that the buyer issued and nobody cancelled",
        )
    return found


def read_line(context: Context, key: bytes, line: str) -> OrderLine:
    """The order line at a key; refused if there is none."""
    value = context.get(key)
    if value is None:
        raise refuse("unknown_line", "no such line in the order", field="lines.line", found=line)
    return as_line(value)


def check_lines_once(lines: tuple[str, ...]) -> None:
    """Refuse a document that names a line twice."""
    if len(set(lines)) != len(lines):
        raise refuse("line_twice", "a line is named twice", field="lines.line")


def put_line(
    context: Context, key: bytes, order: Order, before: OrderLine, after: OrderLine, tolerance_ppm: int
) -> Order:
    """Write a line in its new state; the order with its counts moved along, for the caller to write."""
    line_in_order(after, tolerance_ppm)
    context.put(key, tuple(after))
    opened = after.is_open - before.is_open
    overbilled = (after.to_credit > 0) - (before.to_credit > 0)
    if not opened and not overbilled:
        return order
    return order._replace(open_lines=order.open_lines + opened, overbilled=order.overbilled + overbilled)


def moved(order: Order, by: str, *, brings_goods: bool = False) -> Order:
    """The order where an event of its goods or lines leads it.

    Raises:
        Refusal: `wrong_state`, for example goods of a closed order that leave now.
    """
    target = order.status
    if order.status == ISSUED:
        target = ACKNOWLEDGED
    elif by != SHIPPED and (order.status in (PART_RECEIVED, RECEIVED) or brings_goods):
        target = PART_RECEIVED if order.open_lines else RECEIVED
    return order._replace(status=LIFE.after(order.status, by, target))


def line_amount(quantity: int, price_micros: int, tolerance_ppm: int = 0) -> int:
    """Minor units of a quantity at a price, half away from zero; at most, with a tolerance."""
    return divide_half_away(quantity * price_micros * (PPM + tolerance_ppm), PPM * PPM)


def order_amount(context: Context, supplier: str, buyer: str, number: str, order: Order) -> int:
    """Minor units of the whole order."""
    lines = [read_line(context, line_key(supplier, buyer, number, line), line) for line in order.lines]
    return sum(line_amount(line.quantity, line.price_micros) for line in lines)


def submit(context: Context, operation: OrderSubmit) -> None:
    """Draft by the supplier."""
    supplier, buyer = context.actor, operation.buyer
    context.require_organisation(buyer, BUYER, "buyer")
    context.require_past(operation.date, "date")
    _check_absent(read_order(context.state, supplier, buyer, operation.order), operation.order)
    lines = tuple(line.line for line in operation.lines)
    order = Order(DRAFT, operation.currency, operation.date, lines, context.stored_approver, "", len(lines))
    _write(context, supplier, buyer, operation.order, order, operation.lines)


def issue(context: Context, operation: OrderIssue) -> None:
    """Issued by the buyer: the draft, or an order of its own."""
    supplier, buyer = operation.supplier, context.actor
    context.require_organisation(supplier, SUPPLIER, "supplier")
    draft = read_order(context.state, supplier, buyer, operation.order)
    own = (operation.currency, operation.date, operation.lines)
    if draft is None:
        _issue_own(context, operation)
        return
    if draft.status != DRAFT:
        _check_absent(draft, operation.order)
    if own != (None, None, None):
        raise refuse("order_differs", "a draft exists", field="lines", expected="no currency, date or lines")
    context.require_independent(supplier, draft.supplier_approver)
    amount = order_amount(context, supplier, buyer, operation.order, draft)
    issued = draft._replace(
        status=LIFE.after(draft.status, "order.issue"), buyer_approver=context.stored_approver
    )
    context.put(order_key(supplier, buyer, operation.order), tuple(issued))
    context.record(supplier, buyer, ("order", operation.order, issued.currency, amount, issued.day))


def _issue_own(context: Context, operation: OrderIssue) -> None:
    supplier, buyer = operation.supplier, context.actor
    currency, day, lines = operation.currency, operation.date, operation.lines
    if currency is None or day is None or lines is None:
        raise refuse(
            "order_incomplete", "no draft exists", field="lines", expected="currency, date and lines"
        )
    context.require_past(day, "date")
    names = tuple(line.line for line in lines)
    status = LIFE.after(DRAFT, "order.issue")
    order = Order(status, currency, day, names, "", context.stored_approver, len(names))
    amount = _write(context, supplier, buyer, operation.order, order, lines)
    context.record(supplier, buyer, ("order", operation.order, currency, amount, day))


def _check_absent(order: Order | None, number: str) -> None:
    if order is not None:
        raise refuse(
            "duplicate_number",
            "order number used",
            field="order",
            found=f"{number} is {LIFE.states[order.status]}",
        )


def _write(
    context: Context, supplier: str, buyer: str, number: str, order: Order, lines: tuple[OrderedLine, ...]
) -> int:
    """Write an order and its lines; the amount of the whole in minor units."""
    check_lines_once(order.lines)
    amount = sum(line_amount(line.quantity, line.price_micros) for line in lines)
    check_amount(amount)
    context.put(order_key(supplier, buyer, number), tuple(order))
    for line in lines:
        context.put(
            line_key(supplier, buyer, number, line.line),
            tuple(OrderLine(line.item, line.quantity, line.price_micros)),
        )
    return amount


def check_amount(amount: int) -> None:
    """Refuse an order over more than a document may hold; minor units.

    Raises:
        AmountOverflow: above `MAX_AMOUNT`.
    """
    if amount > MAX_AMOUNT:
        raise AmountOverflow(amount, "lines")


def acknowledge(context: Context, operation: OrderAcknowledge) -> None:
    """Acknowledged by the supplier."""
    supplier, buyer = context.actor, operation.buyer
    order = known_order(context, supplier, buyer, operation.order)
    context.require_independent(buyer, order.buyer_approver)
    status = LIFE.after(order.status, "order.acknowledge")
    acknowledged = order._replace(status=status, supplier_approver=context.stored_approver)
    context.put(order_key(supplier, buyer, operation.order), tuple(acknowledged))


def close(context: Context, operation: OrderClose) -> None:
    """Closed by the buyer, once nothing is under way."""
    supplier, buyer = operation.supplier, context.actor
    order = known_order(context, supplier, buyer, operation.order)
    closed = order._replace(status=LIFE.after(order.status, "order.close"))
    for name in order.lines:
        line = read_line(context, line_key(supplier, buyer, operation.order, name), name)
        _check_arrived(name, line)
    context.put(order_key(supplier, buyer, operation.order), tuple(closed))


def cancel(context: Context, operation: OrderCancel) -> None:
    """Cancelled by the buyer, or a draft or unacknowledged order declined by the supplier."""
    supplier, buyer = operation.supplier, operation.buyer
    if context.actor not in (supplier, buyer):
        raise refuse("not_party", "not a party to the order", field="signer", found=context.actor)
    order = known_order(context, supplier, buyer, operation.order)
    status = LIFE.after(order.status, "order.cancel")
    if order.status == ACKNOWLEDGED and context.actor != buyer:
        raise refuse(
            "not_party", "the supplier has taken it on", field="signer", found=supplier, expected=buyer
        )
    amount = 0
    for name in order.lines:
        line = read_line(context, line_key(supplier, buyer, operation.order, name), name)
        _check_arrived(name, line)
        assert not line.accepted, "nothing is received before PartReceived"
        assert not line.invoiced, "nothing is billed before it is received"
        amount += line_amount(line.quantity, line.price_micros)
    context.put(order_key(supplier, buyer, operation.order), tuple(order._replace(status=status)))
    if order.status != DRAFT:
        context.record(supplier, buyer, ("order_cancel", operation.order, order.currency, amount))


def _check_arrived(name: str, line: OrderLine) -> None:
    if line.shipped != line.accepted:
        raise refuse(
            "goods_under_way",
            "goods of the order are on their way",
            field="order",
            found=f"line {name}: {line.shipped - line.accepted}",
            expected="nothing under way",
        )


def require_no_credit_due(state: Reader, supplier: str, buyer: str, number: str) -> bytes:
    """Refuse while a line of the order is billed beyond what the buyer keeps; the state key that says so."""
    key = order_key(supplier, buyer, number)
    value = state.get(key)
    overbilled = 0 if value is None else Order._make(value).overbilled
    if overbilled:
        raise refuse(
            "credit_due",
            "goods that are billed went back",
            field="order",
            found=f"{overbilled} lines of {number}",
            expected="a credit note over what was returned",
        )
    return key
