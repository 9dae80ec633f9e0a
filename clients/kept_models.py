"""The models of lateness that a client has, so that nodes need not send them again with every price.

    genesis.block              from somebody whom you trust
    genesis.model              the newest model that proved prices were made under

A model is known by the SHA-256 of its bytes, computed anew from what the file holds: a node leaves out the
model in force only for whoever names it so, and a price proves which one that is. So the file is nothing to
trust; whatever else stands in it, the model is fetched again and takes its place.
"""

from __future__ import annotations

from pathlib import Path

from clients.kept_files import keep
from contracts.pricing.model import MAX_MODEL_BYTES

MAX_KEPT_MODELS = 4
"""Models that a session keeps in memory; the newest of them is kept for the next session."""


class KeptModels:
    """Models that came with proved prices; with a file the newest outlives the session."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._models: tuple[bytes, ...] | None = None

    def known(self) -> tuple[bytes, ...]:
        """The models, the newest last; the file is read the first time that they are asked for."""
        if self._models is None:
            self._models = () if self._file is None else _read(self._file)
        return self._models

    def keep(self, model: bytes) -> None:
        """Keep a model that proved prices were made under, as the newest."""
        known = self.known()
        if not model or known[-1:] == (model,):
            return
        older = [other for other in known if other != model]
        self._models = (*older, model)[-MAX_KEPT_MODELS:]
        if self._file is not None:
            keep(self._file, model)


def kept_model_file(genesis: Path) -> Path:
    """Where the newest model stands that belongs to a genesis file."""
    return genesis.with_suffix(".model")


def _read(file: Path) -> tuple[bytes, ...]:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_MODEL_BYTES + 1)
    except OSError:
        return ()
    return (data,) if 0 < len(data) <= MAX_MODEL_BYTES else ()
