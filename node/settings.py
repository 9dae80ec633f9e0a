"""A node's settings: one file (TOML or JSON), each value also as a `TALLY_…` variable.

The variable wins over the file. Paths in a file are relative to the file's folder, so a
network's folder can be moved as a whole.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ledger.blocks.genesis import read_genesis
from ledger.errors import TallyError
from ledger.limits import MAX_MEMBERS, MAX_NAME_BYTES
from ledger.snapshots.inheritance import EXPORT_FILE
from node.errors import SettingsError
from node.limits import DRAIN_TIMEOUT_MS, SUBMIT_TIMEOUT_MS

Port = Annotated[int, Field(ge=0, le=65_535)]
_PATHS = ("data_dir", "genesis_file", "key_file", "certificate_file", "log_file", "trace_file")


class Settings(BaseSettings):
    """What one node process needs to know before it reads its ledger."""

    model_config = SettingsConfigDict(env_prefix="TALLY_", frozen=True, extra="forbid")

    node: str = Field(
        min_length=1, max_length=MAX_NAME_BYTES, description="This node's id in the genesis block."
    )
    joining: bool = Field(
        False, description="Whether this node starts before it is a member, to be taken in."
    )
    data_dir: Path = Field(description="Folder of the ledger; belongs to this node id alone.")
    genesis_file: Path = Field(description="File with the genesis block.")
    key_file: Path = Field(description="The node's Ed25519 key, PKCS#8 PEM.")
    certificate_file: Path = Field(description="The node's certificate, PEM, the one in the genesis block.")
    api_host: str = Field("127.0.0.1", description="Address the HTTP API listens on.")
    api_port: Port = Field(0, description="Port of the HTTP API; 0 lets the system choose.")
    peer_host: str = Field("127.0.0.1", description="Address that other nodes connect to.")
    peer_port: Port = Field(0, description="Port that other nodes connect to; 0 lets the system choose.")
    peers: dict[str, str] = Field(
        default_factory=dict, max_length=MAX_MEMBERS, description="Other nodes: id to host:port."
    )
    tick_ms: int = Field(50, ge=5, le=1_000, description="Length of one tick of the consensus clock, ms.")
    election_ticks: int = Field(
        12, ge=4, le=1_000, description="Least ticks without a leader before an election."
    )
    heartbeat_ticks: int = Field(3, ge=1, le=100, description="Ticks between a leader's heartbeats.")
    submit_timeout_ms: int = Field(
        SUBMIT_TIMEOUT_MS, ge=1, le=120_000, description="Longest wait of a submission for its outcome, ms."
    )
    drain_timeout_ms: int = Field(
        DRAIN_TIMEOUT_MS,
        ge=0,
        le=60_000,
        description="Longest wait of an orderly stop for what was taken in, ms.",
    )
    log_file: Path | None = Field(
        None, description="File for JSON log lines; the standard error output if unset."
    )
    trace_file: Path | None = Field(
        None, description="File for the trace of the consensus, JSON lines; none is written if unset."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables before the file's values."""
        return env_settings, init_settings

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read a configuration file.

        Raises:
            SettingsError: unreadable, not TOML or JSON, or with a value that is not permitted.
        """
        form = "json" if path.suffix == ".json" else "toml"
        try:
            text = path.read_text(encoding="utf-8")
            values = json.loads(text) if form == "json" else tomllib.loads(text)
        except OSError as error:
            raise SettingsError(f"cannot read {path}", found=error.strerror) from None
        except ValueError as error:
            raise SettingsError(f"{path} is not {form}", found=str(error)[:200]) from None
        if not isinstance(values, dict):
            raise SettingsError(f"{path} does not hold a table of settings", found=type(values).__name__)
        for name in _PATHS:
            if isinstance(values.get(name), str):
                values[name] = str(path.parent / values[name])
        try:
            settings = cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(
                first["msg"],
                field=".".join(str(part) for part in first["loc"]),
                found="nothing" if first["type"] == "missing" else str(first["input"])[:120],
            ) from None
        settings.peer_addresses()
        if settings.heartbeat_ticks * 2 > settings.election_ticks:
            raise SettingsError(
                "heartbeats too rare for the election timeout",
                field="heartbeat_ticks",
                found=settings.heartbeat_ticks,
                expected=f"at most half of election_ticks ({settings.election_ticks})",
            )
        return settings

    @property
    def inherited_file(self) -> Path:
        """The export that a recovered ledger begins with: beside the genesis block; read once."""
        return self.genesis_file.with_name(EXPORT_FILE)

    def read_genesis(self) -> bytes:
        """The bytes of the genesis block.

        Raises:
            SettingsError: the file cannot be read, or holds something else.
        """
        try:
            data = self.genesis_file.read_bytes()
            read_genesis(data)
        except OSError as error:
            raise SettingsError(
                f"cannot read {self.genesis_file}", field="genesis_file", found=error.strerror
            ) from None
        except TallyError as error:
            raise SettingsError(
                f"no genesis block in {self.genesis_file}",
                field="genesis_file",
                found=str(error)[:200],
                remedy="Put the channel's genesis.block there, as any member or client of it has it.",
            ) from None
        return data

    def peer_addresses(self) -> dict[str, tuple[str, int]]:
        """The peers' host and port by node id.

        Raises:
            SettingsError: an address that is not host:port.
        """
        addresses = {}
        for node, address in self.peers.items():
            host, separator, port = address.rpartition(":")
            if not separator or not host or not port.isdecimal() or not 0 < int(port) <= 65_535:
                raise SettingsError(
                    "not an address", field=f"peers.{node}", found=address, expected="host:port"
                )
            addresses[node] = (host.strip("[]"), int(port))
        return addresses
