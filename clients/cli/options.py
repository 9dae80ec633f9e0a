"""Options that many commands share, and what they open."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated

import typer

from clients.cli.exits import UsageProblem
from clients.cli.screen import BAD, Screen
from clients.errors import of_file
from clients.profile import Profile
from clients.sdk import Session
from clients.trust import load_trust
from ledger.blocks.genesis import Genesis, GenesisBlock
from ledger.errors import Malformed

DEADLINE_S = 15.0
"""How long a command tries to get an answer from the nodes, unless TALLY_TIMEOUT_S says otherwise."""

MAX_DEADLINE_S = 600.0
MAX_PASSPHRASE_BYTES = 1_024

PROFILE_VARIABLE = "TALLY_PROFILE"
TIMEOUT_VARIABLE = "TALLY_TIMEOUT_S"
PASSPHRASE_VARIABLE = "TALLY_PASSPHRASE_FILE"  # noqa: S105 (the name of a variable)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", "-p", envvar=PROFILE_VARIABLE, help="Profile: who you are, and the nodes."),
]
GenesisFile = Annotated[
    Path | None, typer.Option("--genesis", "-g", help="File with the genesis block that you trust.")
]
NetworkFolder = Annotated[Path, typer.Option("--dir", "-d", envvar="TALLY_DIR", help="The network's folder.")]
ReceiptFile = Annotated[
    Path | None, typer.Option("--receipt", "-r", help="Save the receipt, or the proof of a refusal, here.")
]
OutFile = Annotated[Path | None, typer.Option("--out", "-o", help="Save the proof file here.")]
ProofFolder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Keep the proofs in this folder; tally verify checks each.")
]
OfSupplier = Annotated[str | None, typer.Option("--supplier", "-s", help="Only of this supplier.")]
MAX_LISTED = 1_000_000
"""Entries of one list; more is a matter for an export."""
HowMany = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="At most so many.")]
SupplierOption = Annotated[str, typer.Option("--supplier", "-s", help="Organisation id of the supplier.")]
SupplierArgument = Annotated[str, typer.Argument(metavar="SUPPLIER", help="Organisation id of the supplier.")]
InvoiceArgument = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Invoice number, as the supplier writes it.")
]
LenderOption = Annotated[str, typer.Option("--lender", help="Organisation id of the lender.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for people; no personal data.")]
BookedAccount = Annotated[str, typer.Option("--account", help="Account on which it was booked.")]
BankEntry = Annotated[
    str, typer.Option("--entry", help="The bank's reference of the booking; consumed once.")
]
BookingDay = Annotated[str, typer.Option("--date", help="Booking day, YYYY-MM-DD.")]
DepositBank = Annotated[str, typer.Option("--bank", "-b", help="Bank at which you have the deposit.")]
CommonBank = Annotated[str, typer.Option("--bank", "-b", help="Bank at which both of you have deposits.")]


def load_profile(path: Path | None) -> Profile:
    """The profile that a command works with.

    Raises:
        UsageProblem: none is named.
        ProfileError: it cannot be used.
    """
    if path is None:
        raise UsageProblem(
            "no profile",
            code="no_profile",
            field="--profile",
            expected="a profile's file",
            remedy=f"Name it with --profile FILE, or set {PROFILE_VARIABLE}; "
            "`tally network up` writes one for each organisation to DIR/profiles.",
        )
    return Profile.load(path)


def open_session(path: Path | None) -> Session:
    """A session of the profile.

    Raises:
        UsageProblem, ProfileError: no profile, or one that cannot be used.
    """
    return Session(load_profile(path), passphrase=read_passphrase(), deadline_s=deadline_s())


def deadline_s() -> float:
    """Seconds that a command tries for.

    Raises:
        UsageProblem: the variable does not hold a number of seconds.
    """
    text = os.environ.get(TIMEOUT_VARIABLE)
    if not text:
        return DEADLINE_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_DEADLINE_S:
        raise UsageProblem(
            "not a number of seconds",
            field=TIMEOUT_VARIABLE,
            found=text[:40],
            expected=f"above 0, at most {MAX_DEADLINE_S:.0f}",
        )
    return seconds


def read_passphrase(path: Path | None = None) -> bytes | None:
    """The passphrase of the key file: the first line of the file named, or of the variable's file.

    Raises:
        UsageProblem: the file cannot be read or is empty.
    """
    named = path or (Path(os.environ[PASSPHRASE_VARIABLE]) if os.environ.get(PASSPHRASE_VARIABLE) else None)
    if named is None:
        return None
    try:
        with named.open("rb") as file:
            line = file.readline(MAX_PASSPHRASE_BYTES).rstrip(b"\r\n")
    except OSError as error:
        raise UsageProblem(
            f"cannot read the passphrase file {named}",
            code="passphrase",
            found=error.strerror,
            remedy=f"Check the path in --passphrase-file or {PASSPHRASE_VARIABLE}.",
        ) from None
    if not line:
        raise UsageProblem(f"no passphrase in {named}", code="passphrase", expected="one line of text")
    return line


def trusted_genesis(genesis: Path | None, profile: Path | None) -> GenesisBlock:
    """The genesis block to check against: the file named, or the profile's.

    Raises:
        UsageProblem: neither is named.
        ProfileError: not a genesis block, or not the profile's.
    """
    if genesis is not None:
        return load_trust(genesis)
    if profile is None:
        raise UsageProblem(
            "nothing to check against",
            code="no_genesis",
            field="--genesis",
            expected="the genesis block's file, from somebody whom you trust",
            remedy="Name it with --genesis FILE; a local network keeps it in DIR/genesis.block.",
        )
    known = Profile.load(profile)
    return load_trust(known.genesis, known.channel)


def say_strangers(screen: Screen, channel: Genesis, *organisations: str | None) -> None:
    """Name those that are no organisation of the channel: nothing is found of them, and that is no wonder."""
    for organisation in organisations:
        if organisation is not None and channel.organisation(organisation) is None:
            screen.note(
                f"{organisation} is no organisation of this channel: see tally organisation list", BAD
            )


def check_of(file: Path, genesis: Path | None, profile: Path | None) -> str:
    """The command that checks a proof file from this folder, under the genesis block it was checked with."""
    trusted = load_profile(profile).genesis if genesis is None else genesis
    shown = min(os.path.relpath(trusted), str(trusted.resolve()), key=len)
    return f"tally verify {quoted(str(file))} --genesis {quoted(shown)}"


def checked_word(status: str | None, states: Collection[str] = ()) -> str | None:
    """The state that a list is asked for, if any; in any case of letters, one of `states` if they are known.

    Raises:
        UsageProblem: it is no word, or none of them.
    """
    is_known = not states or status is None or status.lower() in {state.lower() for state in states}
    if status is not None and not (status.isalpha() and is_known):
        raise UsageProblem(
            "no such state",
            field="--status",
            found=status[:40],
            expected="one of " + ", ".join(states) if states else "a word, such as open",
        )
    return status


def save(data: bytes, path: Path, what: str) -> None:
    """Write a file: whole, or what stood there stays. A device or a pipe takes the bytes as they come.

    Raises:
        UsageProblem: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        place = path.resolve()
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            draft.write_bytes(data)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, what, error) from None


def unwritable(path: Path, what: str, error: OSError) -> UsageProblem:
    """Why a file cannot be written."""
    return UsageProblem(
        f"cannot write the {what} to {path}",
        code="file_unwritable",
        found=error.strerror,
        remedy="Check the folder, its permissions and the free space.",
    )


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Name the file in whatever is wrong with its form.

    Raises:
        Malformed: as `clients.errors.of_file` words it.
    """
    try:
        yield
    except Malformed as error:
        raise of_file(error, path, what) from None


def save_proofs(files: Mapping[str, bytes], folder: Path | None) -> None:
    """Write proof files by name into a folder, which is made; nothing if none is named.

    Raises:
        UsageProblem: it cannot be written.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(
            f"cannot make the folder {folder}", code="file_unwritable", field="--out", found=error.strerror
        ) from None
    for name, data in files.items():
        save(data, folder / name, "proof")


def read_bytes(path: Path, what: str, most_bytes: int) -> bytes:
    """Read a file that the user names.

    Raises:
        UsageProblem: it cannot be read, or is larger than anything of its kind.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise UsageProblem(
            f"cannot read the {what} {path}",
            code="file_unreadable",
            found=error.strerror,
            remedy="Check the path.",
        ) from None
    if len(data) > most_bytes:
        raise UsageProblem(
            f"{path} is too large for a {what}",
            code="file_too_large",
            expected=f"at most {most_bytes:,} bytes",
            remedy="It may be of another kind: `tally verify` checks proof files of every kind.",
        )
    return data
