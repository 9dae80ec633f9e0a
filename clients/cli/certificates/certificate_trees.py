"""`tally certificate show`, `tree`, `holdings`: one leaf, a whole promise, all that somebody holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from clients.cli.amounts import money
from clients.cli.certificates.leaves import LeafNumber, Number, Obligor, leaf_of
from clients.cli.options import Json, OutFile, ProfileFile, check_of, load_profile, open_session, save
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.errors import Unavailable
from clients.sdk import Session
from clients.wording import counted
from contracts.certificates.certificate_tree import held_by
from contracts.certificates.certificate_views import holdings_of, leaf_sentence, pledges_of
from contracts.certificates.leaf import Place

TRIES = 3
"""Times that holdings are read again where something moved between two answers."""


app = typer.Typer()


@app.command(
    epilog=examples(
        "tally certificate show C-1 --obligor anchor --leaf 2",
        "tally certificate show C-1 --obligor anchor --leaf 2 --out leaf.proof",
        "tally verify leaf.proof --genesis net/genesis.block",
    )
)
def show(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show a leaf from proved state: who holds it, what is left, and the terms at which it is offered."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = leaf_of(session, Place(obligor, number, leaf))
    if out is not None:
        save(found.data, out, "proof of the leaf")
    view = found.view
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    screen.line(f"{number} of {obligor}, leaf {leaf}: {leaf_sentence(view)}", BAD if view["frozen"] else GOOD)
    currency = view["currency"]
    facts: list[tuple[str, object]] = [
        ("promise", f"{money(view['face'], currency)} to {view['payee']}"),
        ("replaces", view["invoice"] or "no invoice"),
        ("amount", money(view["amount"], currency)),
        ("paid on it", money(view["redeemed"], currency)),
        ("tier", f"{view['tier']} of {view['highest_tier']}"),
        ("smallest piece", money(view["smallest"], currency)),
        ("moves until", f"the day before {view['cut_off']}" if view["movable"] else "it does not move"),
    ]
    if view["price"]:
        facts.append(("price", money(view["price"], currency)))
    if view["repay"]:
        facts.append(("frees the pledge", money(view["repay"], currency)))
    screen.facts([*facts, ("proved at height", found.height)])


@app.command(
    epilog=examples(
        "tally certificate tree C-1 --obligor anchor",
        "tally certificate tree C-1 --obligor anchor --out C-1.certificate",
        "tally verify C-1.certificate --genesis net/genesis.block",
    )
)
def tree(
    number: Number,
    obligor: Obligor,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Draw the whole tree of a certificate, proved complete by its history: no leaf is missing.

    The file can be checked by anyone, without a node: `tally verify`.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.certificate(obligor, number)
    if out is not None:
        save(found.data, out, "certificate")
    view = found.view
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    currency, totals = view["currency"], view["totals"]
    screen.line(
        f"{number} of {obligor}: {money(view['face'], currency)} to {view['payee']}, due {view['maturity']}; "
        f"whole tree, proved at height {found.height}",
        GOOD,
    )
    screen.table(
        ("leaf", "state", "holder", "tier", "amount", "left", "remarks"),
        [
            (
                branch,
                entry["status"],
                entry["holder"],
                entry["tier"],
                money(entry["amount"], currency),
                money(entry["live"], currency),
                _remarks(entry),
            )
            for branch, entry in branches(view["leaves"])
        ],
        right=("tier", "amount", "left"),
    )
    screen.line(
        ", ".join(f"{money(totals[name], currency)} {says}" for name, says in _SUMS if totals[name])
        or "void",
        FAINT,
    )
    if out is not None:
        screen.note(f"saved in {out}; check it anywhere: {check_of(out, None, profile)}")


_SUMS = (("live", "live"), ("redeemed", "redeemed"), ("written_off", "written off"))


def branches(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(label, leaf) of a tree from its root down, each label with the lines that lead to it."""
    children: dict[int | None, list[dict[str, Any]]] = {}
    for entry in found:
        children.setdefault(entry["parent"], []).append(entry)

    def below(parent: int | None, lines: str) -> Iterator[tuple[str, dict[str, Any]]]:
        pieces = children.get(parent, [])
        for entry in pieces:
            is_last = entry is pieces[-1]
            mark, more = ("", "") if parent is None else ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            yield f"{lines}{mark}{entry['leaf']}", entry
            yield from below(entry["leaf"], lines + more)

    yield from below(None, "")


def _is_owed(entry: dict[str, Any]) -> bool:
    """Whether a leaf is still to be paid; a pledge on one that is paid secures nothing."""
    return bool(entry["live"] or entry["written_off"])


def _remarks(entry: dict[str, Any]) -> str:
    said = [
        f"offered to {entry['offered_to']}" if entry["offered_to"] else "",
        f"pledged to {entry['lender']}" if entry["lender"] and _is_owed(entry) else "",
        "stopped" if entry["frozen"] else "",
    ]
    return ", ".join(part for part in said if part)


@app.command(
    epilog=examples(
        "tally certificate holdings",
        "tally certificate holdings --of bolt --obligor anchor --json",
    )
)
def holdings(
    of: Annotated[str, typer.Option("--of", help="Whose leaves; yours if not given.")] = "",
    obligor: Annotated[str, typer.Option("--obligor", "-O", help="Only promises of this obligor.")] = "",
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List all leaves that somebody holds, and its pledges, proved complete: its histories say how much.

    Without --obligor the list of obligors is proved complete too.
    """
    screen = Screen(json)
    party = of or load_profile(profile).organisation
    with open_session(profile) as session:
        obligors = [obligor] if obligor else _obligors(session, party)
        found = [_held(session, party, name) for name in obligors]
    held = [entry for leaves, _ in found for entry in leaves]
    pledges = [entry for _, pledged in found for entry in pledged]
    sums: dict[str, int] = {}
    for entry in held:
        sums[entry["currency"]] = sums.get(entry["currency"], 0) + entry["live"]
    if screen.answer(
        {
            "party": party,
            "obligors": obligors,
            "proved": True,
            "leaves": held,
            "pledges": pledges,
            "totals": sums,
        }
    ):
        return
    screen.line(f"{party}: {counted(len(held), 'leaf')}, proved complete", GOOD)
    screen.table(
        ("obligor", "certificate", "leaf", "state", "left", "maturity", "remarks"),
        [
            (
                entry["obligor"],
                entry["certificate"],
                entry["leaf"],
                entry["status"],
                money(entry["live"], entry["currency"]),
                entry["maturity"],
                _remarks(entry),
            )
            for entry in held
        ],
        right=("leaf", "left"),
    )
    for currency, total in sorted(sums.items()):
        screen.line(f"{money(total, currency)} in all", FAINT)
    if pledges:
        _show_pledges(screen, pledges)


def _show_pledges(screen: Screen, pledges: list[dict[str, Any]]) -> None:
    screen.table(
        ("obligor", "certificate", "leaf", "state", "holder", "secured", "maturity"),
        [
            (
                entry["obligor"],
                entry["certificate"],
                entry["leaf"],
                entry["status"],
                entry["holder"],
                money(entry["secured"], entry["currency"]),
                entry["maturity"],
            )
            for entry in pledges
        ],
        title="Pledges on leaves of others",
        right=("leaf", "secured"),
    )


def _obligors(session: Session, party: str) -> list[str]:
    return [buyer for supplier, buyer in session.partners(party) if supplier == party]


def _held(session: Session, party: str, obligor: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A party's leaves of an obligor's promises, and its pledges on others; history and trees must agree.

    Raises:
        Unavailable: something moved while they were read, each time.
    """
    for _ in range(TRIES):
        records = session.history(party, obligor).records
        expected, secured = holdings_of(records), pledges_of(records)
        leaves: list[dict[str, Any]] = []
        pledges: list[dict[str, Any]] = []
        for number in dict.fromkeys(number for number, _ in (*expected, *secured)):
            found = session.certificate(obligor, number)
            view = found.view
            about = {name: view[name] for name in ("obligor", "certificate", "currency", "maturity")}
            leaves += [{**about, **view["leaves"][number]} for number, _ in held_by(found.tree, party)]
            pledges += [
                {**about, **view["leaves"][leaf], "secured": amount}
                for (certificate, leaf), amount in secured.items()
                if certificate == number and found.tree.leaves[leaf].lender == party
            ]
        sums: dict[tuple[str, str], int] = {}
        for leaf in leaves:
            key = (leaf["certificate"], leaf["currency"])
            sums[key] = sums.get(key, 0) + leaf["live"]
        if sums == expected and len(pledges) == len(secured):
            return leaves, pledges
    raise Unavailable(f"what {party} holds of {obligor} changed each time while it was read")


@app.command(
    name="list",
    epilog=examples("tally certificate list anchor", "tally certificate list anchor --payee acme"),
)
def list_certificates(
    obligor: Annotated[str, typer.Argument(metavar="OBLIGOR", help="Organisation id of the obligor.")],
    payee: Annotated[str | None, typer.Option(help="Only promises to this supplier.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List the certificates of an obligor, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(session.pages("/certificates", "certificates", obligor=obligor, payee=payee))
    if screen.answer({"certificates": found}):
        return
    screen.table(
        ("certificate", "payee", "face", "live", "redeemed", "leaves", "maturity"),
        [
            (
                entry["certificate"],
                entry["payee"],
                *(
                    money(amount, entry["currency"])
                    for amount in (entry["face"], entry["totals"]["live"], entry["totals"]["redeemed"])
                ),
                entry["totals"]["leaves"],
                entry["maturity"],
            )
            for entry in found
        ],
        right=("face", "live", "redeemed", "leaves"),
    )
