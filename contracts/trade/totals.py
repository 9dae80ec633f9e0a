"""The sums of an invoice, by EN 16931-1: lines are rounded by who wrote them, and then all adds up exactly.

| rule | here |
|---|---|
| BR-CO-10, 13, 15, 16 | gross = lines − allowances + charges + tax − prepaid + rounding |
| BR-CO-14 | tax = sum of the VAT categories |
| BR-CO-17 | tax of a category = taxable · rate, to one minor unit: the only tolerance |
| BR-S, Z, E, AE, IC, G, O | a rate above zero for S, no tax in the others but L and M |

The taxable amount of a category is its lines and its share of the document's allowances and charges: it
follows, so nobody states it. An invoice may leave the categories out; then only its tax in all is known.
"""

from __future__ import annotations

from contracts.errors import refuse
from contracts.trade.invoice import InvoiceSubmit
from contracts.trade.tax import TaxTotal
from ledger.money import PPM, Money, currency_digits

_UNTAXED = frozenset({"Z", "E", "AE", "K", "G", "O"})


def tax_totals(operation: InvoiceSubmit) -> tuple[TaxTotal, ...]:
    """The VAT categories of an invoice whose sums add up; none where it gives none.

    Raises:
        Refusal: `sum_mismatch`, `tax_too_high`, `charge_not_ordered`, `rounding_too_large`,
            `tax_category`, `tax_mismatch`.
    """
    net = 0
    for line in operation.lines:
        net += line.amount
    charges, allowances, rounding = operation.charges, operation.allowances, operation.rounding
    due = net - allowances + charges + operation.tax - operation.prepaid + rounding
    if due != operation.gross:
        raise refuse(
            "sum_mismatch",
            "the amounts do not add up",
            field="gross",
            found=Money(operation.gross, operation.currency),
            expected=Money(due, operation.currency),
        )
    if operation.tax > net + charges:
        raise refuse(
            "tax_too_high",
            "more tax than net",
            field="tax",
            found=Money(operation.tax, operation.currency),
            expected=f"at most {Money(net + charges, operation.currency)}",
        )
    if charges and operation.order:
        raise refuse(
            "charge_not_ordered",
            "a charge that the order does not have",
            field="charges",
            found=Money(charges, operation.currency),
            expected="0 where there is an order",
        )
    if rounding and abs(rounding) > 10 ** currency_digits(operation.currency):
        raise refuse(
            "rounding_too_large",
            "more than one unit of the currency",
            field="rounding",
            found=Money(rounding, operation.currency),
            expected=f"at most {Money(10 ** currency_digits(operation.currency), operation.currency)}",
        )
    return _categories(operation) if operation.taxes or operation.lines[0].category else ()


def _categories(operation: InvoiceSubmit) -> tuple[TaxTotal, ...]:
    taxable: dict[tuple[str, int], int] = {}
    for part in operation.taxes:
        place = (part.category, part.rate_ppm)
        if place in taxable or not part.category:
            raise _wrong_category("taxes.category", f"{part.category} {part.rate_ppm}", "each named once")
        taxable[place] = part.adjustment
    for line in operation.lines:
        place = (line.category, line.rate_ppm)
        if place not in taxable:
            raise _wrong_category("lines.category", f"line {line.line}: {place}", "one of those of taxes")
        taxable[place] += line.amount
    totals = tuple(
        [
            (part.category, part.rate_ppm, taxable[part.category, part.rate_ppm], part.amount)
            for part in operation.taxes
        ]
    )
    currency = operation.currency
    for total in totals:
        _check_tax(total, currency)
    adjusted = sum(part.adjustment for part in operation.taxes)
    _check_sum("adjustment", Money(adjusted, currency), operation.charges - operation.allowances)
    _check_sum("amount", Money(sum(total[3] for total in totals), currency), operation.tax)
    return totals


def _wrong_category(field: str, found: str, expected: str) -> Exception:
    return refuse("tax_category", "VAT categories do not fit", field=field, found=found, expected=expected)


def _check_tax(total: TaxTotal, currency: str) -> None:
    category, rate_ppm, taxable, tax = total
    if (category in _UNTAXED) != (rate_ppm == 0) and category not in ("L", "M"):
        raise _wrong_category(
            "taxes.rate_ppm", f"{category} {rate_ppm}", "a rate for S, L and M, and none for the others"
        )
    if abs(tax * PPM - taxable * rate_ppm) > PPM:
        raise refuse(
            "tax_mismatch",
            "not the rate of the taxable amount",
            field="taxes.amount",
            found=f"{category}: {Money(tax, currency)}",
            expected=f"{Money(taxable * rate_ppm // PPM, currency)}, one minor unit more or less",
        )


def _check_sum(field: str, found: Money, expected: int) -> None:
    if found.amount != expected:
        raise refuse(
            "sum_mismatch",
            "the VAT categories do not add up",
            field=f"taxes.{field}",
            found=found,
            expected=Money(expected, found.currency),
        )
