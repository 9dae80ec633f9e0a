"""Errors of the ledger, each with a stable code.

    TallyError
    ├── Malformed            bytes that are not what they should be
    │   ├── NonCanonical     MessagePack with a second, forbidden spelling
    │   └── TooLarge         a bound of `limits` is passed
    ├── Refusal              a business rule says no (recorded on the ledger)
    ├── BlockInvalid         a block that cannot be reproduced
    ├── VerificationError    a proof that does not prove
    └── StoreError           the disk does not hold what it held
        └── StoreRefused     it takes or gives nothing for now: full, read-only, no permission, no handles

Every error says what was wrong (`message`), and where it helps which `field`, what was
`found`, what was `expected`, and a `remedy`: what the reader can do about it.
"""

from __future__ import annotations

import errno
import os
from typing import Any

_MAX_SHOWN_CHARACTERS = 300
"""Of what was found or expected: what was refused may be megabytes, and is not to fill logs and answers."""


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"


class TallyError(Exception):
    """Base of every error that a person may see."""

    code = "error"
    remedy = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if remedy is not None:
            self.remedy = remedy
        self.field = field
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        parts = [self.message]
        if self.field is not None:
            parts.append(f"field {self.field}")
        if self.found is not None:
            parts.append(f"found {_shown(self.found)}")
        if self.expected is not None:
            parts.append(f"expected {_shown(self.expected)}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The error as the API, the CLI and the logs show it."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        for name in ("field", "found", "expected"):
            value = getattr(self, name)
            if value is not None:
                shown[name] = value if isinstance(value, int) else _shown(value)
        if self.remedy:
            shown["remedy"] = self.remedy
        return shown


class Malformed(TallyError):
    """Bytes that do not have the form that their place asks for."""

    code = "malformed"
    remedy = "Build the bytes with the SDK, or compare them with docs/protocol.md."


class NonCanonical(Malformed):
    """MessagePack that is readable but not in the one permitted spelling."""

    code = "non_canonical"
    remedy = "Encode with shortest forms, map keys ascending, no floats and no extension types."


class TooLarge(Malformed):
    """A value that passes a named bound."""

    code = "too_large"
    remedy = "Send less at once; the bounds are listed in docs/protocol.md."


class Refusal(TallyError):
    """A business rule refuses an operation; the refusal itself goes on the ledger."""

    code = "refused"

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(
            detail or code, code=code, field=field, found=found, expected=expected, remedy=remedy
        )
        self.detail = detail


class BlockInvalid(TallyError):
    """A block that an honest node cannot reproduce, and therefore does not acknowledge."""

    code = "block_invalid"
    remedy = "The block is kept as evidence; compare the proposer's software version and state with ours."


class VerificationError(TallyError):
    """A proof that does not prove what it claims."""

    code = "not_proved"
    remedy = "Do not rely on this file; fetch it again, from another node if need be."


class StoreError(TallyError):
    """The disk does not hold what it is known to have held, or refuses to hold more."""

    code = "store_damaged"
    remedy = (
        "The other nodes go on while a quorum of them runs. `tally node repair` sets the ledger aside; the "
        "node's next start fetches it anew, and it signs nothing until it holds what it signed before."
    )


class StoreRefused(StoreError):
    """The system refuses an access for a reason that says nothing about what the disk holds."""

    code = "disk_refuses"
    remedy = (
        "Nothing is known to be damaged, and nothing is to be repaired: make room on the disk, or mend what "
        "the message names, then start the node again. It goes on from its log."
    )


REFUSALS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
)
"""Such reasons: no room, not for this user, too large a file, read-only, not permitted, no more handles."""


def store_error(message: str, said: str | None, **more: Any) -> StoreError:
    """What a failed access comes to; `said` is what the system, or LevelDB for it, said."""
    is_refused = any(os.strerror(number) in (said or "") for number in REFUSALS)
    return (StoreRefused if is_refused else StoreError)(message, found=said, **more)
