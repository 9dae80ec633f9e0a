"""Moves of the calendar, keys, members and models."""

from __future__ import annotations

from hashlib import sha256

from test_lateness_model import MODEL

from campaign.draw import AWAITED, DAYS, SIGNER, Draw, Facts
from campaign.facts import awaited_days
from campaign.ledger import new_node, signing_key
from contracts.parties.membership import in_force
from contracts.pricing.model import Ensemble, Model


def date_advance(draw: Draw, facts: Facts) -> Facts:
    ahead = draw.rng.choice(DAYS)
    awaited = [day - draw.day for day in awaited_days(draw.ledger.kinds) if day > draw.day]
    if awaited and draw.rng.random() < AWAITED:
        ahead = min(awaited)
    return {"date": draw.date(ahead), SIGNER: "root"}


def key_add(draw: Draw, facts: Facts) -> Facts:
    owner = draw.one()
    name = f"{owner}+{len(draw.keys.get(owner, [])) + 1}"
    return {"key": signing_key(name).public, "name": "another machine", SIGNER: owner}


def key_revoke(draw: Draw, facts: Facts) -> Facts:
    more = [(owner, name) for owner, names in draw.keys.items() for name in names]
    owner, name = draw.rng.choice(more) if more else ("bolt", "bolt")
    return {"key": signing_key(name).public, SIGNER: draw.rng.choice([owner, owner, "root"])}


def propose_membership(draw: Draw, facts: Facts) -> Facts:
    members = in_force(draw.ledger.state)
    proposer = draw.rng.choice(["root", "mega", "loan", "host"])
    mine = [member.node for member in members.members if member.organisation == proposer]
    any_node = draw.rng.choice([member.node for member in members.members])
    kind = draw.rng.choice(["add", "add", "promote", "demote", "remove", "replace", "quorum", "abandon"])
    change: Facts = {"kind": kind}
    if kind in ("add", "replace"):
        change["new"] = new_node(f"n{draw.number()}x", proposer)
    if kind == "replace":
        change["node"] = draw.rng.choice(mine or [any_node])
    elif kind in ("promote", "demote", "remove"):
        learners = [member.node for member in members.learners]
        change["node"] = draw.rng.choice(learners or [any_node]) if kind == "promote" else any_node
    elif kind == "quorum":
        change["quorum"] = draw.rng.choice([2, 2, 3])
    return {"proposal": f"P{draw.number()}", "change": change, "days": 30, SIGNER: proposer}


def proposal(draw: Draw, own: bool) -> Facts | None:
    known = [(parts[0], value) for parts, value in draw.ledger.kinds["membership_proposal"].items()]
    open_ones = [(name, value) for name, value in known if value[4] == 1]
    if not open_ones:
        return None
    name, value = draw.rng.choice(open_ones)
    others = [who for who in ("root", "mega", "loan") if who not in value[3]]
    return {"proposal": name, SIGNER: value[0] if own else draw.rng.choice(others or ["root"])}


def locate(draw: Draw, facts: Facts) -> Facts:
    member = draw.rng.choice(in_force(draw.ledger.state).members)
    address = draw.rng.choice(["", "node.example:7000"])
    return {"node": member.node, "address": address, SIGNER: member.organisation}


def _model(number: int) -> bytes:
    return Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(number, (), ())).encode()


def model_upload(draw: Draw, facts: Facts) -> Facts:
    data = _model(draw.rng.randrange(10**6))
    publisher = draw.rng.choice(["loan", "root"])
    return {"model": sha256(data).digest(), "part": 0, "data": data, SIGNER: publisher}


_RECORD = {
    "training_root": bytes(32),
    "rows": 1_000,
    "trained_until": "2012-02-01",
    "tested_rows": 500,
    "auc_ppm": 850_000,
    "brier_ppm": 140_000,
    "mae_centidays": 230,
    "dbt_ratio_ppm": 1_000_000,
    "rising": ("weekday_late",),
}


def model_publish(draw: Draw, facts: Facts) -> Facts | None:
    found = draw.pick("model_part")
    if found is None:
        return None
    publisher, model = found[0][:2]
    role = draw.rng.choice(["champion", "challenger"])
    return {"model": model, "parts": 1, "role": role, "record": _RECORD, SIGNER: publisher}


def model_approve(draw: Draw, facts: Facts) -> Facts | None:
    open_ones = [parts for parts, value in draw.ledger.kinds["model_proposal"].items() if value[4] == 1]
    if not open_ones:
        return None
    model, role = draw.rng.choice(open_ones)
    return {"model": model, "role": role, SIGNER: draw.rng.choice(["root", "mega", "loan"])}


def model_retire(draw: Draw, facts: Facts) -> Facts | None:
    roles = [(parts[0], value[1]) for parts, value in draw.ledger.kinds["model_role"].items()]
    if not roles:
        return None
    role, model = draw.rng.choice(roles)
    return {"model": model, "role": role, SIGNER: draw.rng.choice(["root", "mega", "loan"])}
