"""`tally keys`: signing keys, made by their owner and by nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session, read_passphrase
from clients.cli.recording import record
from clients.cli.screen import FAINT, Screen, examples
from clients.cli.standing import Standing
from ledger.keys import SigningKey
from ledger.limits import PUBLIC_KEY_BYTES

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The key's file, PKCS#8 PEM.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the passphrase; else TALLY_PASSPHRASE_FILE.")
]

PublicKey = Annotated[str, typer.Argument(metavar="KEY", help="Public key, 64 hexadecimal digits.")]

app = typer.Typer(name="keys", help="Make and look at signing keys.", no_args_is_help=True)


@app.command(
    epilog=examples("tally keys new acme.pem", "tally keys new acme.pem --passphrase-file secret.txt")
)
def new(file: KeyFile, passphrase_file: PassphraseFile = None, json: Json = False) -> None:
    """Make a fresh Ed25519 key, readable by you only; never overwrites a file."""
    key = SigningKey.generate()
    passphrase = read_passphrase(passphrase_file)
    key.save(file, passphrase)
    screen = Screen(json)
    _show(screen, key, file, "encrypted with the passphrase" if passphrase else "not encrypted")
    screen.note(f"Next a key that is enrolled enrols it: tally keys add {key.public.hex()} --name NAME")


@app.command(epilog=examples("tally keys show acme.pem"))
def show(file: KeyFile, passphrase_file: PassphraseFile = None, json: Json = False) -> None:
    """The public key of a key file: what others need to know of it."""
    key = SigningKey.load(file, read_passphrase(passphrase_file))
    _show(Screen(json), key, file, "")


@app.command(
    name="list",
    epilog=examples(
        "tally keys list --profile net/profiles/acme.json", "tally keys list --organisation anchor"
    ),
)
def list_keys(
    organisation: Annotated[str, typer.Option(help="Whose; your own if not given.")] = "",
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Keys that sign for an organisation, and those that were revoked, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        whose = organisation or session.profile.organisation
        found = list(session.pages("/keys", "keys", organisation=whose))
    if screen.answer({"keys": found}):
        return
    screen.table(
        ("key", "name", "enrolled by", "since", "status"),
        [
            (
                entry["key"],
                entry["name"],
                entry["enrolled_by"],
                entry["enrolled"] or "the start",
                entry["status"],
            )
            for entry in found
        ],
    )


@app.command(epilog=examples("tally keys add 9f86d081… --name treasurer --profile net/profiles/acme.json"))
def add(
    key: PublicKey,
    name: Annotated[str, typer.Option(help="What people call it, such as who keeps it.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Enrol one more key of your organisation: of a second person, or for another machine."""
    operation = {"op": "key.add", "key": _read_public(key), "name": name}
    record(
        profile,
        lambda _: operation,
        f"Key {name} enrolled",
        receipt=receipt,
        as_json=json,
        stands=lambda _: Standing(next="its file is named as `key` in the profile of whoever signs with it"),
    )


@app.command(epilog=examples("tally keys revoke 9f86d081… --profile net/profiles/acme.json"))
def revoke(
    key: PublicKey, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Revoke a key for good: one of your own, or any (operator)."""
    operation = {"op": "key.revoke", "key": _read_public(key)}
    record(profile, lambda _: operation, "Key revoked", receipt=receipt, as_json=json)


def _read_public(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != PUBLIC_KEY_BYTES:
        raise UsageProblem(
            "not a public key",
            code="public_key",
            field="KEY",
            found=text[:80],
            expected=f"{2 * PUBLIC_KEY_BYTES} hexadecimal digits, as `tally keys show` prints them",
        )
    return key


def _show(screen: Screen, key: SigningKey, file: Path, how: str) -> None:
    if screen.answer({"file": str(file), "public_key": key.public.hex()}):
        return
    screen.line(f"public key  {key.public.hex()}")
    screen.line(f"private key {file}" + (f" ({how})" if how else ""), FAINT)
