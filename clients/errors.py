"""Errors of the clients, each with a stable code and a remedy.

    TallyError (ledger)
    ├── ProfileError         a profile, key or genesis file that cannot be used
    ├── NetworkError         a local network that cannot be made, started or stopped
    ├── NodeProblem          a node refuses a request: its problem document (nothing is recorded)
    │   └── NotAdmitted      a transaction that a node does not take in (sdk/outcome.py)
    ├── Unavailable          no node answered before the deadline (nothing was sent, or nothing depends on it)
    ├── OutcomeUnknown       sent, and no outcome before the deadline: hold on to the bytes (sdk/outcome.py)
    ├── Refused              on the ledger, and refused there by a rule: keeps the receipt (sdk/outcome.py)
    └── BrokenAnswer         a node's answer is not what the protocol says
    VerificationError (ledger) a proof that does not prove

Whose turn it is: `NodeProblem` and `Refused` are the caller's, `Unavailable` and
`OutcomeUnknown` pass by themselves, `BrokenAnswer` and `VerificationError` are a node's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.errors import Malformed, TallyError

PORTFOLIO_EXTRA = "pip install 'tallystick[portfolio]'"
"""What brings the solver and the drawing of pictures, where a command lacks them."""


_DAMAGED = "It may be cut short, damaged or of another kind: get it again from where it came from."


def with_remedy_of_file(error: Malformed) -> Malformed:
    """The same, with what its holder can do, where the error knows only what its writer could."""
    if error.remedy == type(error).remedy:
        error.remedy = _DAMAGED
    return error


def of_file(error: Malformed, path: Path, what: str) -> Malformed:
    """What is wrong with the form of a file, for whoever handed it in and did not write the program."""
    if error.code == "other_kind":
        message, remedy = f"{path} is no {what}", "`tally verify` checks proof files of every kind."
    else:
        message = f"{path} is no whole {what}: {error.message}"
        remedy = with_remedy_of_file(error).remedy
    return Malformed(
        message,
        code=error.code,
        field=error.field,
        found=error.found,
        expected=error.expected,
        remedy=remedy,
    )


class ProfileError(TallyError):
    """A profile, or a file that it names, that cannot be used."""

    code = "profile"
    remedy = "Check the profile's path and its fields; `tally network up` writes profiles."


class NetworkError(TallyError):
    """A local network that cannot be made, started or stopped."""

    code = "network"


class NodeProblem(TallyError):
    """What a node answers instead of what was asked for (RFC 9457); nothing was recorded."""

    code = "problem"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        node: str,
        code: str | None = None,
        field: str | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, code=code, field=field, found=found, expected=expected, remedy=remedy)
        self.status = status
        self.node = node

    @classmethod
    def of(cls, document: Mapping[str, Any], status: int, node: str) -> NodeProblem:
        """The problem document of a node's answer; whatever is missing is left out."""
        detail = document.get("detail")
        return cls(
            str(detail).split("; field ")[0].split("; found ")[0]
            if detail
            else f"the node answered {status}",
            status=status,
            node=node,
            code=str(document.get("code") or f"http_{status}"),
            field=_text(document.get("field")),
            found=document.get("found"),
            expected=document.get("expected"),
            remedy=_text(document.get("remedy")),
        )

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed a little later, or at another node."""
        return self.status in (429, 502, 503, 504)


class Unavailable(TallyError):
    """No node answered before the deadline."""

    code = "unavailable"
    remedy = "Check the node URLs of the profile and `tally network status`, then try again."

    def __init__(
        self, message: str, *, found: object = None, expected: object = None, was_sent: bool = False
    ) -> None:
        super().__init__(message, found=found, expected=expected)
        self.was_sent = was_sent
        """Whether the request may have arrived at a node all the same."""


class BrokenAnswer(TallyError):
    """A node's answer is not what the protocol says."""

    code = "broken_answer"
    remedy = "Another node may answer better; tell the operator of this one."


def _text(value: object) -> str | None:
    return None if value is None else str(value)
