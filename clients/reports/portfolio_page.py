"""A portfolio report as one HTML page: figures, drawings, and where each comes from.

The page needs nothing else: no script, no font, no picture, no request. It is well-formed XML as well, light
or dark as its reader has it, one column on a phone, and black on white on paper. Under every figure stands
what it is, and from which proved height.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from clients.reports import portfolio_charts
from clients.reports.drawing import DARK, LIGHT, Drawing, style
from clients.reports.portfolio_charts import CALIBRATION, TITLES
from clients.reports.portfolio_report import SHOWN_NAMES, Calibration, Names, Part, Report
from clients.wording import counted, short_percent
from contracts.disclosure.ageing import share
from contracts.holdings.vintage import AGES, Fared, Vintage
from ledger.dates import iso_from_day
from ledger.money import Money

WILSON = "Intervals are Wilson's, 5 % to 95 %, as if invoices were independent."

_LAYOUT = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;
background:var(--ground);color:var(--ink)}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.3rem;margin:2.5rem 0 1rem;border-top:2px solid var(--ink);
padding-top:.75rem}h3{font-size:1rem;margin:0 0 .5rem}
a{color:var(--first)}nav a{display:inline-block;padding:.5rem 1rem .5rem 0}
.grid,.groups{display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}
.groups{gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,15.5rem),1fr));margin:0 0 1.5rem}
figure,.groups section{margin:0;border:1px solid var(--grid);border-radius:6px;padding:.9rem;
break-inside:avoid;min-width:0}
figure.wide{grid-column:1/-1}.beside{display:grid;gap:1.5rem;align-items:center}
@media(min-width:60rem){.beside{grid-template-columns:25rem minmax(0,1fr)}}
dl{margin:0}dl div{display:flex;justify-content:space-between;gap:.75rem;padding:.15rem 0}
dt{color:var(--faint);font-size:.85rem}
dd{margin:0;text-align:right;white-space:nowrap;font-size:.95rem;font-variant-numeric:tabular-nums}
figcaption,.small{color:var(--faint);font-size:.8rem;margin:.75rem 0 0}
svg{display:block;width:100%;height:auto;max-width:30rem}
.scroll{overflow-x:auto;
background:linear-gradient(270deg,var(--ground),transparent) right/2rem 100% no-repeat local,
linear-gradient(270deg,var(--grid),transparent) right/.75rem 100% no-repeat scroll}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{padding:.25rem .5rem;border-bottom:1px solid var(--grid);text-align:left;white-space:nowrap}
th:first-child,td:first-child{position:sticky;left:0;background:var(--ground)}
th{color:var(--faint);font-weight:600}
.n{text-align:right;font-variant-numeric:tabular-nums}.part{color:var(--faint);font-style:italic}
code{font-size:.8rem;overflow-wrap:anywhere}
@media(max-width:30rem){body{padding:.5rem}figure,.groups section{padding:.6rem}}
@media print{body{font-size:11px;max-width:none;padding:0}.grid{grid-template-columns:1fr 1fr;gap:.75rem}
.groups{grid-template-columns:repeat(4,1fr);gap:.5rem}nav{display:none}
.scroll{overflow:visible;background:none}h2{break-after:avoid}td,th{padding:.1rem .3rem}}
"""


def _variables(tones: dict[str, str]) -> str:
    return "".join(f"--{tone}:{colour};" for tone, colour in tones.items())


STYLE = (
    f":root{{{_variables(LIGHT)}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    + style({tone: f"var(--{tone})" for tone in LIGHT})
    + _LAYOUT
)


def page(report: Report) -> str:
    """The page."""
    source = report.source
    title = f"Portfolio of {report.lender}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>As of {iso_from_day(report.day)}. Every figure follows from {_extent(report)}, proved at height "
        f"{source.height}, block <code>{source.block}</code>. Whoever holds that file computes the same: "
        "<code>tally portfolio report --json</code>.</p>",
    ]
    if not report.parts:
        body.append(f"<p>{escape(report.lender)} has paid for no claim.</p>")
    else:
        body += _summary(report)
    for part in report.parts:
        body += _part(report, part)
    body += _certificates(report)
    body += _calibration(report)
    head = (
        '<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
    )
    content = "\n".join(body)
    return f'<!DOCTYPE html>\n<html lang="en">{head}<body>\n{content}\n</body></html>\n'


def _extent(report: Report) -> str:
    records = f"complete book of {escape(report.lender)} ({counted(report.source.records, 'record')})"
    return f"the {records} in the whole ledger" if report.source.kind == "export" else f"the {records}"


def _at(report: Report) -> str:
    return f"{report.source.kind.capitalize()} at height {report.source.height}."


def _summary(report: Report) -> list[str]:
    """One row for each currency, and the way to the rest."""
    columns = (
        "currency", "open", "principal", "of it overdue", "yield, expected", "realised",
        "days late, expected", "realised", "loss, expected", "realised",
    )  # fmt: skip
    rows = []
    for part in report.parts:
        known, currency = part.fared, part.currency
        late, overdue = known.claims > 0, _share(share(part.overdue, part.totals.principal))
        rows.append(
            (
                currency,
                f"{part.totals.open:,}",
                Money(part.totals.principal, currency).grouped,
                f"{Money(part.overdue, currency).grouped} ({overdue})",
                _expected_yield(part),
                _rate(part.rolling.yield_ppm),
                _days(known.expected_centidays) if late else "–",
                _days(known.realised_centidays) if late else "–",
                "–" if known.expected_loss is None else Money(known.expected_loss, currency).grouped,
                Money(known.realised_loss, currency).grouped,
            )
        )
    says = (
        "Expected yield is that of open claims at purchase, realised yield that of the last 12 months; "
        f"days late and losses are of claims that fell due. {_at(report)}"
    )
    sections = [*(part.currency for part in report.parts), *(["Certificates"] if report.leaves else [])]
    links = "".join(f'<a href="#{name}">{name}</a>' for name in (*sections, "Calibration"))
    return [f"<nav>{links}</nav>", _wide("At a glance", table(columns, rows), says)]


def _part(report: Report, part: Part) -> list[str]:
    """One currency."""
    drawn = portfolio_charts.charts(report, part)
    at = _at(report)
    figures = [
        _figure(drawn, "ageing", "Principal by days past the present due date; in brackets the number of "
                f"claims. {at}"),
        _figure(drawn, "lateness", _lateness_says(part.fared, at)),
        _figure(drawn, "obligors", _names_say(part.obligors, "obligors", at)),
        _figure(drawn, "suppliers", _names_say(part.suppliers, "suppliers", at)),
        _figure(drawn, "yields", f"Claims by what they were bought at: {_rate(part.yields.mean)} on average, "
                f"weighted by the advance. {at}"),
        _figure(drawn, "discounts", f"Discount and fee as a share of the advance: "
                f"{_rate(part.discounts.mean)} on average. {at}"),
        _figure(drawn, "expected-lateness", "Whole days after the due date at which the price expected the "
                f"payment. {at}"),
        _figure(drawn, "as-priced", "Claims that fell due, by tenths of the probability of late payment for "
                f"which they were priced. {WILSON} {at}"),
        _wide("Vintages", _vintages(part), f"By month of purchase. {_vintages_say(report)} {at}"),
        _wide(TITLES["paid-back"], _beside(drawn.get("paid-back"), _paid_back(part)), "Share of the advance "
              "that buyers, suppliers and insurers had paid so many days after the due date, of claims "
              f"that reached that age; “of n” says that only so many have. {at}"),
        _wide("Earned and lost", _months(part), "By the day on which the ledger learned of it; rates a year "
              f"on the average principal. {at}"),
    ]  # fmt: skip
    return [
        f'<h2 id="{part.currency}">{part.currency}</h2>',
        _groups(_key_figures(part)),
        f'<div class="grid">{"".join(figures)}</div>',
    ]


Facts = Sequence[tuple[str, str]]


def _key_figures(part: Part) -> Mapping[str, Facts]:
    sums, rolling, known = part.totals, part.rolling, part.fared

    def money(amount: int) -> str:
        return str(Money(amount, part.currency))

    return {
        "Outstanding": (
            ("open claims", f"{sums.open:,} of {sums.claims:,}"),
            ("principal", money(sums.principal)),
            ("of it overdue", money(part.overdue)),
            ("suppliers' reserve", money(sums.reserve)),
            ("owed by suppliers", money(sums.owed)),
        ),
        "Return": (
            ("advanced in all", money(sums.advanced)),
            ("expected yield, open claims", _expected_yield(part)),
            ("realised yield, 12 months", _rate(rolling.yield_ppm)),
            ("realised loss, 12 months", _rate(rolling.loss_ppm)),
        ),
        "Expected and realised": (
            ("days late, expected", _days(known.expected_centidays) if known.claims else "–"),
            ("days late, realised", _days(known.realised_centidays) if known.claims else "–"),
            ("loss, expected", "–" if known.expected_loss is None else money(known.expected_loss)),
            ("loss, realised", money(known.realised_loss)),
        ),
        "Written off and sold": (
            ("written off", money(sums.written_off)),
            ("recovered", money(sums.recovered)),
            ("sold to lenders", money(sums.sold)),
            ("sold for", money(sums.sold_for)),
        ),
    }


def _groups(groups: Mapping[str, Facts]) -> str:
    cards = [
        f"<section><h3>{escape(title)}</h3><dl>"
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
        + "</dl></section>"
        for title, facts in groups.items()
    ]
    return f'<div class="groups">{"".join(cards)}</div>'


def _figure(drawn: dict[str, Drawing], name: str, says: str) -> str:
    if name not in drawn:
        return ""
    return (
        f"<figure><h3>{escape(TITLES[name])}</h3>{drawn[name].inline()}"
        f"<figcaption>{escape(says)}</figcaption></figure>"
    )


def _beside(drawing: Drawing | None, rows: str) -> str:
    """A drawing and its table, beside each other where there is room."""
    return rows if drawing is None or not rows else f'<div class="beside">{drawing.inline()}{rows}</div>'


def _wide(title: str, table: str, says: str) -> str:
    if not table:
        return ""
    caption = f"<figcaption>{escape(says)}</figcaption>"
    return f'<figure class="wide"><h3>{escape(title)}</h3>{table}{caption}</figure>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> str:
    """Rows under their columns; all but the first `text` columns are figures."""
    shown = list(rows)
    if not shown:
        return ""
    of = ["" if place < text else ' class="n"' for place in range(len(columns))]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(of, columns, strict=True))
    lines = [
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(of, row, strict=True))
        + "</tr>"
        for row in shown
    ]
    return f'<div class="scroll" tabindex="0"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _lateness_says(found: Fared, at: str) -> str:
    return (
        f"Of {counted(found.claims, 'claim')} that fell due, {found.late:,} were late "
        f"({_share(found.late_ppm)}): expected {_days(found.expected_centidays)}, realised "
        f"{_days(found.realised_centidays)}. {found.open:,} are at risk still and count at their age. {at}"
    )


def _names_say(found: Names, what: str, at: str) -> str:
    more = len(found.groups) - SHOWN_NAMES
    left = f", the {SHOWN_NAMES} greatest of {len(found.groups)}" if more > 0 else ""
    return f"Open claims by {what}{left}; sum of the squared shares {_share(found.index_ppm)}. {at}"


def _vintages(part: Part) -> str:
    columns = (
        "month", "claims", "advanced", "fell due", "late", "expected", "realised", "expected loss",
        "realised loss",
    )  # fmt: skip
    return table(columns, [_vintage(one, part.currency) for one in part.vintages])


def _vintage(one: Vintage, currency: str) -> list[str]:
    found = one.fared
    days = (_share(found.late_ppm), _days(found.expected_centidays), _days(found.realised_centidays))
    return [
        one.month,
        f"{one.claims:,}",
        Money(one.advanced, currency).grouped,
        f"{found.claims:,}",
        *(days if found.claims else ("–", "–", "–")),
        "–" if found.expected_loss is None else Money(found.expected_loss, currency).grouped,
        Money(found.realised_loss, currency).grouped,
    ]


def _paid_back(part: Part) -> str:
    rows = []
    for one in part.vintages:
        cells = [one.month]
        for aged in one.aged:
            of = "" if aged.claims == one.kept else f" of {aged.claims}"
            cells.append("–" if aged.paid_ppm is None else f"{_share(aged.paid_ppm)}{of}")
        rows.append(cells)
    return table(("month", *(f"{age} days" for age in AGES)), rows)


def _vintages_say(report: Report) -> str:
    says = "Late, days late and losses are of claims that fell due before the day, over or not."
    if report.source.losses_at is None:
        return f"{says} Expected losses follow from programmes, which a book by itself does not have."
    return f"{says} Expected losses are by the programmes' terms at height {report.source.losses_at}."


def _months(part: Part) -> str:
    def money(amount: int) -> str:
        return Money(amount, part.currency).grouped

    rows = [
        (
            iso_from_day(one.first)[:7],
            money(one.average_principal),
            money(one.earned),
            money(one.interest),
            money(one.sales),
            money(one.written_off - one.recovered),
            _rate(one.yield_ppm),
            _rate(one.loss_ppm),
        )
        for one in part.months
        if one.average_principal or one.net_income
    ]
    return table(("month", "average principal", "earned", "interest", "sales", "lost", "yield", "loss"), rows)


def _certificates(report: Report) -> list[str]:
    rows = [
        (obligor, certificate, str(Money(amount, currency)))
        for obligor, certificate, currency, amount in report.leaves
    ]
    if not rows:
        return []
    held = table(("obligor", "certificate", "amount"), rows, text=2)
    return [
        '<h2 id="Certificates">Certificates</h2>',
        f'<div class="grid">{_wide("Certificates held", held, f"In no figure above. {_at(report)}")}</div>',
    ]


def _calibration(report: Report) -> list[str]:
    found = report.calibration
    heading = '<h2 id="Calibration">Calibration</h2>'
    if found is None:
        return [
            heading,
            '<p class="small">Predictions are made from what the ledger knew of every payment: a report on '
            "an export of the whole ledger has them.</p>",
        ]
    drawing = portfolio_charts.calibration(found, "")
    if found.figures is None or drawing is None:
        return [heading, f'<p class="small">{escape(_counted(found))} {_at(report)}</p>']
    figures = found.figures
    says = f"{_counted(found)} {WILSON} {_at(report)}"
    bands = table(
        ("tenth", "invoices", "predicted late", "late", "5 % to 95 %"),
        [
            (
                str(place),
                f"{band.invoices:,}",
                _share(band.predicted_ppm),
                _share(band.late_ppm),
                f"{_share(band.low_ppm)} – {_share(band.high_ppm)}",
            )
            for place, band in enumerate(figures.bands, 1)
        ],
    )
    facts: Mapping[str, Facts] = {
        "Invoices": (
            ("of the book", f"{found.invoices:,}"),
            ("with an outcome", f"{figures.invoices:,}"),
            ("of them late", f"{figures.late:,}"),
        ),
        "Probability of late payment": (
            ("AUC", "–" if figures.auc_ppm is None else f"{figures.auc_ppm / 1e6:.3f}"),
            ("Brier score", f"{figures.brier_ppm / 1e6:.3f}"),
        ),
        "Days": (
            ("days off, mean", f"{figures.mae_centidays / 100:.2f}"),
            (
                "days beyond terms, predicted to realised",
                "–" if figures.dbt_ratio_ppm is None else f"{figures.dbt_ratio_ppm / 1e6:.2f}",
            ),
        ),
    }
    return [
        heading,
        _groups(facts),
        '<div class="grid">',
        _figure({CALIBRATION: drawing}, CALIBRATION, says),
        f"<figure><h3>By tenths of the prediction</h3>{bands}"
        "<figcaption>From the surest to be punctual to the surest to be late.</figcaption></figure>",
        "</div>",
    ]


def _counted(found: Calibration) -> str:
    by = f"the model {found.model[:16]}…" if found.model else "shrinkage, as no model is in force"
    since = f", confirmed since {iso_from_day(found.since)}" if found.since else ""
    return (
        f"{counted(found.invoices, 'invoice')} of the book{since}, {found.open:,} of them open, scored by "
        f"{by} as the ledger knew them on the day of their confirmation."
    )


def _share(ppm: int) -> str:
    return short_percent(ppm, 1)


def _rate(ppm: int | None) -> str:
    return "–" if ppm is None else short_percent(ppm)


def _expected_yield(part: Part) -> str:
    return _rate(part.expected_yield_ppm if part.totals.open else None)


def _days(centidays: int) -> str:
    return f"{centidays / 100:.2f} d"
