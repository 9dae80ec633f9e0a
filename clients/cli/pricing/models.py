"""`tally model`: lateness models are published, approved and retired; `model_checks` has check and report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import days
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session, read_bytes, reading
from clients.cli.pricing import model_checks
from clients.cli.pricing.model_files import read_hash, read_record
from clients.cli.recording import record, save_receipt, show_recorded
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk.questions import answers
from clients.wording import counted
from contracts.finance import model_views
from contracts.finance.model import CHALLENGER, CHAMPION, PART_BYTES, ROLES, part_key
from contracts.pricing.model import MAX_MODEL_BYTES, Model

ModelFile = Annotated[
    Path, typer.Argument(metavar="MODELFILE", help="Bytes of a model, as `scripts/train-model` writes them.")
]
Role = Annotated[str, typer.Option(help="champion: in force; challenger: scored beside it.")]

app = typer.Typer(name="model", help="Publish, approve and check lateness models.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "tally model publish lateness.model --record record.json --profile net/profiles/lender.json"
    )
)
def publish(
    model: ModelFile,
    record: Annotated[Path, typer.Option("--record", help="JSON: training root, rows, days and figures.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Put a model on the ledger and propose it for a role (operator or lender).

    What is there already is not sent again: a challenger becomes champion by a second proposal. What you
    uploaded of another model and did not publish goes away.
    """
    data = read_bytes(model, "model", MAX_MODEL_BYTES)
    with reading(model, "model"):
        Model.decode(data)
    known = read_record(record)
    _check_role(role)
    name = sha256(data).digest()
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    screen = Screen(json)
    with open_session(profile) as session, screen.progress("uploading", len(parts)) as advance:
        keys = [part_key(session.profile.organisation, name, number) for number in range(len(parts))]
        there = session.state(keys).entries
        for number, part in enumerate(parts):
            if there[keys[number]] != part:
                session.submit({"op": "model.upload", "model": name, "part": number, "data": part})
            advance(1)
        recorded = session.submit(
            {"op": "model.publish", "model": name, "parts": len(parts), "role": role, "record": known}
        )
    save_receipt(recorded, receipt)
    show_recorded(screen, recorded, f"Model {name.hex()} proposed as {role}", receipt)


@app.command(epilog=examples("tally model approve 9f86d081… --profile net/profiles/operator.json"))
def approve(
    model: Annotated[str, typer.Argument(metavar="HASH", help="SHA-256 of the model's bytes, in hex.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Approve a proposed model (an organisation that runs a voter)."""
    _check_role(role)
    operation = {"op": "model.approve", "model": read_hash(model), "role": role}
    record(profile, lambda _: operation, f"Model approved as {role}", receipt=receipt, as_json=json)


@app.command(
    epilog=examples("tally model retire 9f86d081… --role champion --profile net/profiles/operator.json")
)
def retire(
    model: Annotated[str, typer.Argument(metavar="HASH", help="SHA-256 of the model's bytes, in hex.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Want a model out of its role, with none in its place (an organisation that runs a voter).

    As many as adopt a model take it out; then shrinkage prices, or nothing is scored beside it.
    """
    _check_role(role)
    operation = {"op": "model.retire", "model": read_hash(model), "role": role}
    record(profile, lambda _: operation, f"Model wanted out as {role}", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally model show --profile net/profiles/lender.json",
        "tally model show 9f86d081… --json",
    )
)
def show(
    model: Annotated[
        str, typer.Argument(metavar="[HASH]", help="A proposed model; the ones in force if none is named.")
    ] = "",
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Which models are in force, or how the proposals of one stand; from proved state.

    A proposal is adopted when enough of the organisations that run voters have approved it; who still may
    is shown.
    """
    screen = Screen(json)
    name = read_hash(model) if model else b""
    ask = partial(model_views.proposal_view, model=name) if model else model_views.role_view
    with open_session(profile) as session:
        found = answers(session, [partial(ask, role=role) for role in ROLES])
    shown = [answer.value for answer in found if answer.value is not None]
    if model and not shown:
        raise UsageProblem(
            "no proposal of this model",
            code="unknown_model",
            field="HASH",
            found=model,
            remedy="Publish it first: tally model publish MODELFILE --record FILE.",
        )
    height = min(answer.height for answer in found)
    if screen.answer({"proved": True, "height": height, "models": shown}):
        return
    screen.line(f"{'Proposals' if model else 'Champion and challenger'}, proved at height {height}", GOOD)
    if not model:
        for role, says in ((CHAMPION, "shrinkage prices"), (CHALLENGER, "nothing is scored beside it")):
            if role not in [view["role"] for view in shown]:
                screen.line(f"  no {role}: {says}")
    for view in shown:
        _show_model(screen, view)


def _show_model(screen: Screen, view: Mapping[str, Any]) -> None:
    known = view["record"]
    screen.facts(
        [
            ("state", _standing(view)),
            ("published by", view["publisher"]),
            ("trained", f"on {counted(known['rows'], 'invoice')}, until {known['trained_until']}"),
            (
                "its record",
                f"AUC {known['auc_ppm'] / 1e6:.3f}, Brier {known['brier_ppm'] / 1e6:.3f}, "
                f"{days(known['mae_centidays'])} off, days beyond terms predicted to realised "
                f"{known['dbt_ratio_ppm'] / 1e6:.2f}",
            ),
            ("", f"of an earlier model on {known['tested_rows']:,} later invoices; check: tally model check"),
            ("rises with", f"{len(known['rising'])} features"),
        ],
        title=f"{view['role']} {view['model']}",
    )


def _standing(view: Mapping[str, Any]) -> str:
    standing = f"{view['state']}; approved by {', '.join(view['approvals']) or 'nobody'}"
    if view["wanted_out_by"]:
        standing += f"; wanted out by {', '.join(view['wanted_out_by'])}"
    if view["missing"]:
        return f"{standing}, {view['missing']} more needed of {', '.join(view['may_approve'])}"
    if view["may_approve"]:
        return f"{standing}, which is enough by now: any of them may say so once more"
    return standing


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageProblem("no such role", field="--role", found=role, expected=" or ".join(ROLES))


model_checks.register(app)
