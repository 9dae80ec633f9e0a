"""Settings: file, variables, and what is wrong with a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import SettingsError
from node.settings import Settings

GOOD = """
node = "n1"
data_dir = "data"
genesis_file = "../genesis.block"
key_file = "node.key"
certificate_file = "node.pem"
api_port = 7001
[peers]
n2 = "127.0.0.1:7102"
n3 = "[::1]:7103"
"""


def load(folder: Path, text: str, name: str = "node.toml") -> Settings:
    file = folder / name
    file.write_text(text)
    return Settings.load(file)


def test_paths_are_relative_to_the_file_and_addresses_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.data_dir == tmp_path / "data"
    assert settings.genesis_file == tmp_path / ".." / "genesis.block"
    assert settings.peer_addresses() == {"n2": ("127.0.0.1", 7102), "n3": ("::1", 7103)}


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLY_API_PORT", "7999")
    assert load(tmp_path, GOOD).api_port == 7999


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("api_port = 7001", "api_port = 70010"), "api_port"),
        (("api_port = 7001", "api_prot = 7001"), "api_prot"),
        (('node = "n1"', ""), "node"),
        (('n2 = "127.0.0.1:7102"', 'n2 = "127.0.0.1"'), "peers.n2"),
        (("api_port = 7001", "heartbeat_ticks = 12"), "heartbeat_ticks"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, change: tuple[str, str], field: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, GOOD.replace(*change))
    assert error.value.field == field


@pytest.mark.parametrize("text", ["node = ", "[1, 2"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="is not toml"):
        load(tmp_path, text)


def test_a_file_without_an_ending_is_taken_for_toml(tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="settings is not toml"):
        Settings.load(settings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        Settings.load(tmp_path / "absent.toml")


@pytest.mark.parametrize("held", [None, b"", b"no genesis block at all"])
def test_a_genesis_file_that_is_none_is_named(tmp_path: Path, held: bytes | None) -> None:
    settings = load(tmp_path, GOOD.replace("../genesis.block", "genesis.block"))
    if held is not None:
        (tmp_path / "genesis.block").write_bytes(held)
    with pytest.raises(SettingsError) as refused:
        settings.read_genesis()
    assert refused.value.field == "genesis_file"
    assert str(tmp_path / "genesis.block") in str(refused.value)
    assert ("genesis.block there" in refused.value.remedy) == (held is not None)
