"""`tally insurance cover` and `deadlines`: is an invoice covered, and what must be notified by when?"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from clients.cli.amounts import money
from clients.cli.options import Json, OutFile, ProfileFile, SupplierOption, load_profile, open_session, save
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.sdk.questions import answers, ask
from clients.wording import counted
from contracts.insurance.coverage import Question
from contracts.insurance.insurance_views import cover_sentence, deadline, invoices_of

PolicyNumber = Annotated[
    str, typer.Argument(metavar="POLICY", help="Policy number, as the insurer writes it.")
]
InsurerOption = Annotated[str, typer.Option("--insurer", "-i", help="Organisation id of the insurer.")]
PolicyOption = Annotated[str, typer.Option("--policy", help="Policy number, as the insurer writes it.")]
InvoiceNumber = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Invoice number, as the supplier writes it.")
]
Shipments = Annotated[
    list[str] | None,
    typer.Option("--shipment", help="Shipment of what it bills, once for each; with an order."),
]

app = typer.Typer()


@app.command(
    epilog=examples(
        "tally insurance cover INV-7 --supplier acme --policy POL-1 --insurer cover",
        "tally insurance cover INV-7 -s acme --policy POL-1 -i cover --shipment S-7 --out INV-7.cover",
        "tally verify INV-7.cover --genesis net/genesis.block",
    )
)
def cover(
    number: InvoiceNumber,
    supplier: SupplierOption,
    policy: PolicyOption,
    insurer: InsurerOption,
    shipment: Shipments = None,
    assured: Annotated[str, typer.Option("--assured", "-a", help="Who is insured; you if not given.")] = "",
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Is the cover of an invoice still valid, and what must be notified by when? From proved state.

    The file that --out saves is checked by anyone, without a node: the answer is computed again.
    """
    screen = Screen(json)
    who = assured or load_profile(profile).organisation
    with open_session(profile) as session:
        found = ask(session, "cover", who, insurer, policy, supplier, number, *(shipment or ()))
    if out is not None:
        save(found.data, out, "proof of the cover")
    view = found.view
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    currency = view["currency"]
    screen.line(f"{number} of {supplier}: {cover_sentence(view)}", GOOD if view["covered"] else BAD)
    screen.facts(
        [
            ("business date", view["business_date"]),
            ("due", f"{view['due']}, {counted(view['days_overdue'], 'day')} overdue"),
            ("notify by", view["notify_by"]),
            ("file from", view["file_from"]),
            ("shipped", ", ".join(view["shipped"])),
            ("limit then", money(view["limit_when_shipped"], currency)),
            ("limit left", money(view["limit_left"], currency)),
            ("loss today", money(view["loss_today"], currency)),
            ("indemnity today", money(view["indemnity_today"], currency)),
            ("made good by", _made_good(view["made_good_by"])),
            ("claim", f"{view['claim']['claim']}, {view['claim']['status']}" if view["claim"] else "none"),
            ("proved at height", found.height),
        ]
    )
    screen.table(
        ("holds", "condition", "found", "expected"),
        [
            ("yes" if each["holds"] else "no", each["condition"], each.get("found"), each.get("expected"))
            for each in view["conditions"]
        ],
        styles=["" if each["holds"] else BAD for each in view["conditions"]],
    )


def _made_good(found: dict[str, str] | None) -> str:
    """The claim under another policy that makes good what the lender loses."""
    return "no other claim" if found is None else f"claim {found['claim']} of {found['assured']}"


@app.command(
    epilog=examples(
        "tally insurance deadlines POL-1 --insurer cover",
        "tally insurance deadlines POL-1 --insurer cover --due-within 60 --json",
    )
)
def deadlines(
    number: PolicyNumber,
    insurer: InsurerOption,
    due_within: Annotated[int, typer.Option(min=0, help="Also what falls due in so many days.")] = 30,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List every open invoice under a policy with its last day to notify, proved complete.

    The histories of all suppliers and buyers that the policy names are proved, and so is each invoice's
    state. It is the clock alone: `cover` says of one invoice whether everything else holds.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        policy = ask(session, "policy", insurer, number).view
        questions = [
            Question(policy["assured"], insurer, number, supplier, invoice, ())
            for entry in policy["buyers"]
            for supplier in entry["suppliers"]
            for invoice in invoices_of(session.history(supplier, entry["buyer"]).records)
        ]
        with screen.progress("invoices", len(questions)) as advance:
            found = answers(
                session, [partial(deadline, question=question) for question in questions], advance=advance
            )
    horizon = policy["notify_days"] + due_within
    shown = [answer.value for answer in found if answer.value and answer.value["days_left"] <= horizon]
    shown.sort(key=lambda entry: (entry["notify_by"], entry["supplier"], entry["invoice"]))
    document = {"policy": number, "insurer": insurer, "status": policy["status"], "proved": True}
    if screen.answer({**document, "business_date": policy["business_date"], "invoices": shown}):
        return
    late = [entry for entry in shown if entry["status"] == "Notify"]
    screen.line(
        f"{number} of {insurer} on {policy['business_date']}: {policy['status']}, "
        + (f"to notify: {len(late)}, the first by {late[0]['notify_by']}" if late else "nothing to notify"),
        BAD if late else GOOD,
    )
    screen.table(
        ("invoice", "buyer", "open", "due", "overdue", "notify by", "file from", "status", "claim"),
        [
            (
                f"{entry['invoice']} of {entry['supplier']}",
                entry["buyer"],
                money(entry["open"], entry["currency"]),
                entry["due"],
                entry["days_overdue"] or "",
                entry["notify_by"],
                entry["file_from"],
                entry["status"],
                entry["claim"],
            )
            for entry in shown
        ],
        right=("open", "overdue"),
        styles=[BAD if entry["status"] in ("Notify", "Void") else "" for entry in shown],
    )
