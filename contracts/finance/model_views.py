"""What people are shown of models: which has a role, and how a proposal stands.

Pure functions of the state: whoever has the entries proved that they read has the view proved.
"""

from __future__ import annotations

from contracts.finance.model import ADOPTED, adopted, proposal_key, retirement_key
from contracts.parties import membership
from contracts.views import View
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader


def role_view(state: Reader, role: str) -> View | None:
    """The model in a role, with its record; None where shrinkage holds, or nothing challenges."""
    known = adopted(state, role)
    if known is None:
        return None
    shown = proposal_view(state, known.model, role)
    assert shown is not None, "what was adopted was proposed"
    return shown


def proposal_view(state: Reader, model: bytes, role: str) -> View | None:
    """A proposal of a model for a role: who approves it, and how many approvals are still needed."""
    proposal: Value = state.get(proposal_key(model, role))
    if proposal is None:
        return None
    publisher, parts, record, approvals, status = proposal
    governing = membership.in_force(state)
    voters = membership.voting_organisations(governing)
    counted = sorted(set(approvals) & set(voters))
    needed = membership.approvals_needed(state, governing)
    missing = max(0, needed - len(counted))
    known = adopted(state, role)
    in_role = known is not None and known.model == model
    may_approve = [name for name in voters if not missing or name not in counted]
    if status == ADOPTED:
        missing, may_approve = 0, []
    wanted_out = set(state.get(retirement_key(role)) or ()) if in_role else set()
    return {
        "model": model.hex(),
        "role": role,
        "state": "in its role" if in_role else "replaced" if status == ADOPTED else "proposed",
        "publisher": publisher,
        "parts": parts,
        "approvals": counted,
        "may_approve": may_approve,
        "missing": missing,
        "wanted_out_by": sorted(wanted_out.intersection(voters)),
        "record": {
            **record,
            "training_root": record["training_root"].hex(),
            "trained_until": _day(record["trained_until"]),
            "rising": list(record["rising"]),
        },
    }


def _day(value: int | str) -> str:
    return iso_from_day(value) if isinstance(value, int) else value
