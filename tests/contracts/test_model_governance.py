"""A model on the ledger: uploaded, published with its record, adopted by approvals, read back to the byte."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from test_lateness_model import MODEL
from test_membership_governance import Network
from trade_ledger import TradeLedger

from contracts.finance.model import MAX_PARTS, adopted, decoded, parts_of
from contracts.finance.model_views import proposal_view, role_view
from contracts.pricing.forest import LEAF
from contracts.pricing.model import Ensemble, Model
from ledger import codec
from ledger.state.overlay import Reader

RECORD = {
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
DATA = MODEL.encode()
HASH = sha256(DATA).digest()


def upload(data: bytes, part: int = 0, name: bytes = HASH) -> dict[str, Any]:
    return {"op": "model.upload", "model": name, "part": part, "data": data}


def publish(name: bytes = HASH, **changes: Any) -> dict[str, Any]:
    return {
        "op": "model.publish", "model": name, "parts": 1, "role": "champion", "record": RECORD, **changes
    }  # fmt: skip


def in_role(state: Reader, role: str) -> Model | None:
    known = adopted(state, role)
    return None if known is None else decoded(known, parts_of(state, known))


def test_a_model_is_adopted_and_read_back() -> None:
    ledger = TradeLedger()
    assert in_role(ledger.state, "champion") is None
    half = len(DATA) // 2
    ledger.done("loan", upload(DATA[:half]), upload(DATA[half:], 1), publish(parts=2))
    assert in_role(ledger.state, "champion") is None, "a lender that runs no voter decides nothing"
    assert (
        ledger.refused("loan", {"op": "model.approve", "model": HASH, "role": "champion"}) == "runs_no_voter"
    )
    ledger.done("root", {"op": "model.approve", "model": HASH, "role": "champion"})
    assert in_role(ledger.state, "champion") == MODEL
    assert in_role(ledger.state, "challenger") is None
    assert ledger.refused("root", publish(parts=2, role="challenger")) == "model_incomplete"
    ledger.done("loan", publish(parts=2, role="challenger"))
    ledger.done("root", {"op": "model.approve", "model": HASH, "role": "challenger"})
    assert in_role(ledger.state, "challenger") == MODEL


def test_a_newer_model_takes_the_role() -> None:
    ledger = TradeLedger()
    ledger.done("root", upload(DATA), publish())
    newer = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ()))
    name = sha256(newer.encode()).digest()
    ledger.done("root", upload(newer.encode(), 0, name), publish(name))
    assert in_role(ledger.state, "champion") == newer
    older = {"op": "model.approve", "model": HASH, "role": "champion"}
    assert ledger.refused("root", older) == "model_replaced", "it was adopted once, and is no more"
    assert ledger.refused("root", {**older, "model": name}) == "model_in_role"
    assert ledger.refused("root", {**older, "role": "challenger"}) == "unknown_model"


def test_a_replaced_model_comes_back_by_the_way_it_came() -> None:
    """A champion that fares badly is taken back by the one before it, whose parts still stand."""
    network = Network()
    network.done("loan", upload(DATA), publish())
    again = {"op": "model.approve", "model": HASH, "role": "champion"}
    network.done("mega", again)
    newer = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ()))
    name = sha256(newer.encode()).digest()
    network.done("loan", upload(newer.encode(), 0, name), publish(name))
    network.done("bank", {**again, "model": name})
    assert in_role(network.state, "champion") == newer
    assert network.refused("bank", again) == "model_replaced", "nobody takes it back alone"
    network.done("loan", publish(record={**RECORD, "auc_ppm": 840_000}))
    assert in_role(network.state, "champion") == newer, "the approvals of then do not count"
    assert network.refused("loan", publish()) == "model_proposed"
    network.done("bank", again)
    assert in_role(network.state, "champion") == MODEL
    assert network.refused("loan", publish()) == "model_in_role"
    assert network.refused("mega", {**again, "model": name}) == "model_replaced"


def test_a_model_is_voted_out_of_its_role_and_the_default_holds() -> None:
    network = Network()
    network.done("loan", upload(DATA), publish())
    out = {"op": "model.retire", "model": HASH, "role": "champion"}
    assert network.refused("mega", out) == "model_not_in_role"
    network.done("mega", {"op": "model.approve", "model": HASH, "role": "champion"})
    assert network.refused("acme", out) == "runs_no_voter"
    assert network.refused("mega", {**out, "role": "challenger"}) == "model_not_in_role"
    network.done("mega", out)
    assert network.refused("mega", out) == "already_approved"
    shown = role_view(network.state, "champion")
    assert shown is not None
    assert shown["wanted_out_by"] == ["mega"]
    assert in_role(network.state, "champion") == MODEL
    network.done("bank", out)
    assert in_role(network.state, "champion") is None
    assert role_view(network.state, "champion") is None
    approve = {"op": "model.approve", "model": HASH, "role": "champion"}
    assert network.refused("mega", approve) == "model_replaced"
    network.done("loan", publish())
    network.done("bank", approve)
    assert in_role(network.state, "champion") == MODEL, "and comes back like any other"


def test_who_wanted_a_model_out_says_nothing_of_the_one_after_it() -> None:
    network = Network()
    network.done("loan", upload(DATA), publish())
    network.done("mega", {"op": "model.approve", "model": HASH, "role": "champion"})
    network.done("mega", {"op": "model.retire", "model": HASH, "role": "champion"})
    newer = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ()))
    name = sha256(newer.encode()).digest()
    network.done("loan", upload(newer.encode(), 0, name), publish(name))
    network.done("bank", {"op": "model.approve", "model": name, "role": "champion"})
    network.done("bank", {"op": "model.retire", "model": name, "role": "champion"})
    assert in_role(network.state, "champion") == newer, "one of three"


def test_a_model_whose_approvals_have_become_enough_is_adopted_by_one_more_word() -> None:
    """Voters leave: else those that are left had all approved, and the model could never take its role."""
    network = Network(nodes=5, parameters={"membership_approvals": 3})
    network.done("loan", upload(DATA), publish())
    again = {"op": "model.approve", "model": HASH, "role": "champion"}
    network.done("mega", again)
    assert network.refused("mega", again) == "already_approved"
    network.adopt("P", {"kind": "remove", "node": "n3"})
    network.settle()
    assert in_role(network.state, "champion") is None
    network.done("mega", again)
    assert in_role(network.state, "champion") == MODEL


def test_an_isotonic_model_is_published_like_any_other_and_one_whose_steps_fall_is_refused() -> None:
    ledger = TradeLedger()
    steps = ((-5, 100_000), (0, 100_000), (6, 700_000))
    stepped = Model(MODEL.features, Ensemble(3, MODEL.late.trees, steps), MODEL.days, MODEL.beyond).encode()
    name = sha256(stepped).digest()
    ledger.done("root", upload(stepped, 0, name), publish(name))
    adopted = in_role(ledger.state, "champion")
    assert adopted is not None
    assert adopted.late.curve == steps
    fallen = stepped.replace(codec.encode((6, 700_000)), codec.encode((6, 70_000)))
    other = sha256(fallen).digest()
    ledger.done("root", upload(fallen, 0, other))
    assert ledger.refused("root", publish(other)) == "model_form"


BROKEN = b"\x93\x01\x02\x03"


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([publish()], "model_incomplete"),
        ([upload(DATA), publish(parts=2)], "model_incomplete"),
        ([upload(DATA), publish(), upload(BROKEN)], "model_proposed"),
        ([upload(DATA[:-1]), publish()], "model_hash"),
        (
            [upload(BROKEN, 0, sha256(BROKEN).digest()), publish(sha256(BROKEN).digest())],
            "model_form",
        ),
        ([upload(DATA), publish(record={**RECORD, "rising": ("term",)})], "model_feature"),
        ([upload(DATA), publish(), publish()], "model_in_role"),
        ([{"op": "model.approve", "model": HASH, "role": "champion"}], "unknown_model"),
        (
            [upload(DATA), publish(), {"op": "model.approve", "model": HASH, "role": "champion"}],
            "model_in_role",
        ),
    ],
)
def test_what_is_no_whole_model_is_refused(operations: list[dict[str, Any]], code: str) -> None:
    ledger = TradeLedger()
    *before, last = operations
    if before:
        ledger.done("root", *before)
    assert ledger.refused("root", last) == code


def test_a_model_that_falls_with_a_feature_of_which_its_record_says_that_it_rises_is_refused() -> None:
    """Not only a split on it: a leaf anywhere on its left must not exceed one on its right."""
    ledger = TradeLedger()
    crossed = (
        (0, 400_000, 1, 2, 0),
        (1, 60, 3, 4, 0),
        (LEAF, 0, 0, 0, 50),
        (LEAF, 0, 0, 0, -7),
        (LEAF, 0, 0, 0, 51),
    )
    model = Model(MODEL.features, Ensemble(0, (*MODEL.late.trees, crossed), ()), MODEL.days, MODEL.beyond)
    name = sha256(model.encode()).digest()
    ledger.done("root", upload(model.encode(), 0, name))
    assert ledger.refused("root", publish(name)) == "model_falls"
    ledger.done("root", publish(name, record={**RECORD, "rising": ("amount",)}))
    assert in_role(ledger.state, "champion") == model


def test_another_lenders_upload_is_in_nobodys_way() -> None:
    ledger = TradeLedger()
    ledger.done("fund", upload(BROKEN))
    ledger.done("loan", upload(BROKEN), upload(DATA), publish())
    ledger.done("root", {"op": "model.approve", "model": HASH, "role": "champion"})
    assert in_role(ledger.state, "champion") == MODEL


def parts_on(ledger: TradeLedger) -> set[tuple[str, bytes, int]]:
    """(publisher, model, number) of every part in the state."""
    keys = [codec.decode(key) for key in ledger.state.data]
    return {(*parts,) for kind, *parts in keys if kind == "model_part"}


def test_a_publisher_has_one_unpublished_model_at_most() -> None:
    """Else parts that nobody ever publishes would stay for ever, as many as a lender likes."""
    ledger = TradeLedger()
    ledger.done("fund", upload(DATA, 1, bytes(32)))
    for number in range(3):
        name = sha256(bytes([number])).digest()
        ledger.done("loan", upload(b"first", 0, name), upload(b"last", MAX_PARTS - 1, name))
        mine = {("loan", name, 0), ("loan", name, MAX_PARTS - 1)}
        assert parts_on(ledger) == {("fund", bytes(32), 1)} | mine, "another's upload is in nobody's way"
    assert ledger.refused("loan", publish(name)) == "model_hash"
    assert parts_on(ledger) >= mine, "a refused publication keeps what was uploaded"
    ledger.done("loan", upload(DATA), publish())
    assert parts_on(ledger) == {("fund", bytes(32), 1), ("loan", HASH, 0)}
    ledger.done("loan", upload(BROKEN, 0, bytes(32)))
    assert ("loan", HASH, 0) in parts_on(ledger), "what was published stays"


def kept_of(ledger: TradeLedger, kind: str) -> set[tuple[Any, ...]]:
    keys = [codec.decode(key) for key in ledger.state.data]
    return {tuple(parts) for found, *parts in keys if found == kind}


def test_a_publisher_proposes_one_model_at_a_time_for_a_role() -> None:
    """What nobody approves is bounded: another proposal takes the place of the one before."""
    ledger = TradeLedger()
    models = [Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(base, (), ())) for base in range(1, 4)]
    names = [sha256(model.encode()).digest() for model in models]
    for model, name in zip(models, names, strict=True):
        ledger.done("loan", upload(model.encode(), 0, name), publish(name))
    assert kept_of(ledger, "model_proposal") == {(names[2], "champion")}
    assert kept_of(ledger, "model_part") == {("loan", names[2], 0)}
    gone = {"op": "model.approve", "model": names[0], "role": "champion"}
    assert ledger.refused("root", gone) == "unknown_model"


def test_what_another_role_needs_stays_when_a_proposal_is_taken_back() -> None:
    ledger = TradeLedger()
    other = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ()))
    name = sha256(other.encode()).digest()
    ledger.done("loan", upload(DATA), publish(), publish(role="challenger"))
    ledger.done("loan", upload(other.encode(), 0, name), publish(name))
    assert kept_of(ledger, "model_proposal") == {(HASH, "challenger"), (name, "champion")}
    assert kept_of(ledger, "model_part") == {("loan", HASH, 0), ("loan", name, 0)}
    ledger.done("loan", publish(name, role="challenger"))
    assert kept_of(ledger, "model_part") == {("loan", name, 0)}


def test_what_was_adopted_is_not_taken_back_by_another_proposal() -> None:
    ledger = TradeLedger()
    ledger.done("root", upload(DATA), publish())
    other = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ()))
    name = sha256(other.encode()).digest()
    assert kept_of(ledger, "model_open") == set()
    ledger.done("loan", upload(other.encode(), 0, name), publish(name))
    assert in_role(ledger.state, "champion") == MODEL
    assert kept_of(ledger, "model_open") == {("loan", "champion")}


def test_parts_that_a_published_model_does_not_have_do_not_stay() -> None:
    ledger = TradeLedger()
    ledger.done("root", upload(DATA), upload(b"surplus", 3), publish())
    assert parts_on(ledger) == {("root", HASH, 0)}
    ledger.done("root", publish(role="challenger"))
    assert parts_on(ledger) == {("root", HASH, 0)}


def test_how_a_proposal_stands_is_told_until_another_model_has_its_role() -> None:
    ledger = TradeLedger()
    assert role_view(ledger.state, "champion") is None
    assert proposal_view(ledger.state, HASH, "champion") is None
    ledger.done("loan", upload(DATA), publish())
    proposed = proposal_view(ledger.state, HASH, "champion")
    assert proposed is not None
    assert {name: proposed[name] for name in ("state", "approvals", "may_approve", "missing")} == {
        "state": "proposed",
        "approvals": [],
        "may_approve": ["root"],
        "missing": 1,
    }
    assert (proposed["publisher"], proposed["record"]["trained_until"]) == ("loan", "2012-02-01")
    ledger.done("root", {"op": "model.approve", "model": HASH, "role": "champion"})
    in_force = role_view(ledger.state, "champion")
    assert in_force is not None
    assert (in_force["state"], in_force["approvals"], in_force["missing"]) == ("in its role", ["root"], 0)
    newer = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ())).encode()
    name = sha256(newer).digest()
    ledger.done("root", upload(newer, 0, name), publish(name))
    replaced = proposal_view(ledger.state, HASH, "champion")
    assert replaced is not None
    assert (replaced["state"], replaced["may_approve"]) == ("replaced", [])
    assert json.loads(json.dumps(replaced)) == replaced, "plain values only"


def test_only_lenders_and_operators_publish() -> None:
    assert TradeLedger().refused("acme", upload(DATA)) == "wrong_role"


def test_bytes_are_read_once_however_often_they_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large model takes a tenth of a second: all refused publications of one transaction would keep every
    node busy for half a minute."""
    read: list[bytes] = []
    decode = Model.decode

    def counted(data: bytes) -> Model:
        read.append(data)
        return decode(data)

    monkeypatch.setattr(Model, "decode", counted)
    wrong = b"not a model, of which nobody has heard before"
    other = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(77, (), ())).encode()
    for data, code in ((wrong, "model_form"), (other, "model_feature")):
        ledger, name = TradeLedger(), sha256(data).digest()
        ledger.done("loan", upload(data, 0, name))
        record = {**RECORD, "rising": ("term",)}
        for _ in range(20):
            assert ledger.refused("loan", publish(name, record=record)) == code
    assert read == [wrong, other]
