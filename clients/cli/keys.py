"""`tally keys`: signing keys, made by their owner and by nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.options import Json, read_passphrase
from clients.cli.screen import FAINT, Screen, examples
from ledger.keys import SigningKey

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The key's file, PKCS#8 PEM.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the passphrase; else TALLY_PASSPHRASE_FILE.")
]

app = typer.Typer(name="keys", help="Make and look at signing keys.", no_args_is_help=True)


@app.command(
    epilog=examples("tally keys new acme.pem", "tally keys new acme.pem --passphrase-file secret.txt")
)
def new(file: KeyFile, passphrase_file: PassphraseFile = None, json: Json = False) -> None:
    """Make a fresh Ed25519 key, readable by you only; never overwrites a file."""
    key = SigningKey.generate()
    passphrase = read_passphrase(passphrase_file)
    key.save(file, passphrase)
    _show(Screen(json), key, file, "encrypted with the passphrase" if passphrase else "not encrypted")


@app.command(epilog=examples("tally keys show acme.pem"))
def show(file: KeyFile, passphrase_file: PassphraseFile = None, json: Json = False) -> None:
    """The public key of a key file: what others need to know of it."""
    key = SigningKey.load(file, read_passphrase(passphrase_file))
    _show(Screen(json), key, file, "")


def _show(screen: Screen, key: SigningKey, file: Path, how: str) -> None:
    if screen.answer({"file": str(file), "public_key": key.public.hex()}):
        return
    screen.line(f"public key  {key.public.hex()}")
    screen.line(f"private key {file}" + (f" ({how})" if how else ""), FAINT)
