"""The pledge registry: blinded fingerprints of receivables, shared by lenders of several ledgers.

    ("pledge", lender, number) -> Pledge
    ("pledge_tag", tag)        -> ((lender, number), …): the pledges that claimed the tag, the newest last

A lender registers a receivable before it pays, says when it has paid, and releases it in the end. Members of
the registry share a secret key, which never comes to the ledger: a tag is an HMAC under it, since the fields
of an invoice can be guessed and a plain hash of them could be searched (`clients.lending.pledge_tags` makes
the tags, docs/fraud.md draws them). A receivable has two:

| tag | over | claimed by another member |
|---|---|---|
| number | supplier, buyer, invoice number | refused: `pledged_elsewhere` |
| content | supplier, buyer, currency, gross, day of issue | refused: `pledge_alike`, unless compared |

A lender says by its signature that it has compared the documents, and that they are of two receivables. So
neither a changed number nor a changed amount lets a receivable through again. A registration that was not
financed by its last day is void.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Number, Operation
from contracts.lifecycle import LifeCycle, Transition
from ledger.dates import iso_from_day
from ledger.limits import DIGEST_BYTES
from ledger.state.overlay import Reader, state_key

MAX_REGISTERED_DAYS = 30
"""Days for which a receivable is registered before it is financed."""

MAX_ALIKE = 32
"""Pledges that claim one content at a time."""

STATUS = LifeCycle(
    "pledge",
    "status",
    ("Registered", "Financed", "Released"),
    (
        Transition("pledge.finance", "Registered", "Financed"),
        Transition("pledge.release", "Registered", "Released", "it is not financed after all"),
        Transition("pledge.release", "Financed", "Released", "it is paid, or was bought back"),
    ),
)
REGISTERED, FINANCED, RELEASED = range(3)


class Pledge(NamedTuple):
    """State value of a pledge. Days since 1970."""

    status: int
    """Place in `STATUS.states`."""
    number_tag: bytes
    content_tag: bytes
    last_day: int
    """Last business day on which a registration may be financed."""
    financed: int
    """Business day, 0 before."""
    compared: int
    """1 if the lender has said that another receivable with the same content is not this one."""


class PledgeRegister(Operation):
    """A lender registers a receivable that it is about to finance, by two blinded fingerprints."""

    op: Literal["pledge.register"]
    pledge: Number = Field(description="the lender's own reference; nothing of the invoice")
    number_tag: bytes = Field(
        min_length=DIGEST_BYTES,
        max_length=DIGEST_BYTES,
        description="HMAC over supplier, buyer and invoice number, 32 bytes",
    )
    content_tag: bytes = Field(
        min_length=DIGEST_BYTES,
        max_length=DIGEST_BYTES,
        description="HMAC over supplier, buyer, currency, gross and day of issue, 32 bytes",
    )
    days: int = Field(
        7, ge=1, le=MAX_REGISTERED_DAYS, description="days of the business date until it is financed or void"
    )
    compared: bool = Field(
        False, description="the documents were compared with those of the pledge that has the same content"
    )


class PledgeFinance(Operation):
    """A lender says that it has paid for a receivable that it registered."""

    op: Literal["pledge.finance"]
    pledge: Number


class PledgeRelease(Operation):
    """A lender releases a receivable: others may finance it."""

    op: Literal["pledge.release"]
    pledge: Number


def pledge_key(lender: str, pledge: str) -> bytes:
    """State key of a pledge."""
    return state_key("pledge", lender, pledge)


def tag_key(tag: bytes) -> bytes:
    """State key of a blinded fingerprint."""
    return state_key("pledge_tag", tag)


def read_pledge(state: Reader, lender: str, pledge: str) -> Pledge | None:
    """The pledge, if there is one."""
    value = state.get(pledge_key(lender, pledge))
    return None if value is None else Pledge._make(value)


def claims(found: Pledge, day: int) -> bool:
    """Whether a pledge keeps its tags from others on a business day."""
    return found.status == FINANCED or (found.status == REGISTERED and day <= found.last_day)


def holders(state: Reader, tag: bytes, day: int) -> tuple[tuple[str, str], ...]:
    """(lender, number) of the pledges that keep a tag from others on a business day."""
    places = state.get(tag_key(tag)) or ()
    standing = []
    for lender, number in places:
        found = read_pledge(state, lender, number)
        assert found is not None, "a tag is claimed by a pledge"
        if claims(found, day):
            standing.append((lender, number))
    return tuple(standing)


def register(context: Context, operation: PledgeRegister) -> None:
    """Registered by a lender: both tags are its own, or nothing is."""
    lender, number = context.actor, operation.pledge
    if read_pledge(context.state, lender, number) is not None:
        raise refuse("duplicate_number", "pledge number used", field="pledge", found=number)
    if holders(context.state, operation.number_tag, context.day):
        raise refuse(
            "pledged_elsewhere",
            "a lender has a claim on this receivable",
            field="number_tag",
            found=operation.number_tag.hex(),
            expected="a receivable that nobody has registered",
        )
    alike = holders(context.state, operation.content_tag, context.day)
    if len(alike) >= (MAX_ALIKE if operation.compared else 1):
        raise refuse(
            "pledge_alike",
            "a lender has a claim on a receivable with the same content",
            field="content_tag",
            found=f"{len(alike)} with this content",
            expected="none, or that the documents were compared",
        )
    registered = Pledge(
        REGISTERED,
        operation.number_tag,
        operation.content_tag,
        context.day + operation.days,
        0,
        int(operation.compared),
    )
    context.put(pledge_key(lender, number), tuple(registered))
    context.put(tag_key(operation.number_tag), ((lender, number),))
    context.put(tag_key(operation.content_tag), (*alike, (lender, number)))


def finance(context: Context, operation: PledgeFinance) -> None:
    """Financed by the lender that registered it, while the registration stands."""
    found = _own(context, operation.pledge)
    status = STATUS.after(found.status, operation.op)
    if context.day > found.last_day:
        raise refuse(
            "registration_void",
            "not financed in time",
            field="pledge",
            found=operation.pledge,
            expected=f"up to {iso_from_day(found.last_day)}",
        )
    financed = found._replace(status=status, financed=context.day)
    context.put(pledge_key(context.actor, operation.pledge), tuple(financed))


def release(context: Context, operation: PledgeRelease) -> None:
    """Released by the lender that registered it."""
    found = _own(context, operation.pledge)
    released = found._replace(status=STATUS.after(found.status, operation.op))
    context.put(pledge_key(context.actor, operation.pledge), tuple(released))


def _own(context: Context, number: str) -> Pledge:
    found = read_pledge(context.state, context.actor, number)
    if found is None:
        raise refuse("unknown_pledge", "no such pledge", field="pledge", found=number)
    return found
