"""The founders' parameters: chosen when a network is made, and shown to its members with proof."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_tally import Tally

from clients import network
from clients.cli.exits import UsageProblem
from clients.cli.network.parameters import read_parameters
from clients.errors import NetworkError
from contracts.parameters import PARAMETERS
from ledger.blocks.genesis import read_genesis


def test_a_new_network_has_the_parameters_that_its_founders_chose(tmp_path: Path) -> None:
    chosen = read_parameters(["return_days=45", "price_tolerance_ppm=10000"])
    made = network.create(
        tmp_path,
        nodes=1,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=chosen,
        name="chosen",
    )
    parameters = read_genesis(made.genesis_file.read_bytes()).genesis.parameters
    assert {name: parameters[name] for name in chosen} == chosen
    assert parameters["backdating_days"] == PARAMETERS["backdating_days"].default


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("return_day=45", "unknown_parameter", "parameters.return_day"),
        ("return_days=9999", "malformed", "parameters.return_days"),
    ],
)
def test_a_parameter_that_no_ledger_can_have_makes_no_network(
    tmp_path: Path, text: str, code: str, field: str
) -> None:
    with pytest.raises(NetworkError) as caught:
        network.create(
            tmp_path,
            nodes=1,
            base_port=None,
            organisations=network.DEFAULT_ORGANISATIONS,
            parameters=read_parameters([text]),
            name="none",
        )
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "--parameter" in (caught.value.remedy or "")


@pytest.mark.parametrize("texts", [["return_days"], ["return_days=-1"], ["=4"], ["a=1e3"], ["a=1", "a=1"]])
def test_what_is_no_parameter_is_told_with_the_names_of_those_that_are(texts: list[str]) -> None:
    with pytest.raises(UsageProblem) as caught:
        read_parameters(texts)
    assert "return_days" in str(caught.value.expected)


def test_members_see_what_holds_proved(tally: Tally) -> None:
    shown = tally.run("acme", "network", "parameters")
    assert (shown["proved"], set(shown["parameters"])) == (True, set(PARAMETERS))
    assert shown["parameters"]["return_days"] == PARAMETERS["return_days"].default
    text = tally.text("acme", "network", "parameters")
    assert all(name in text for name in PARAMETERS)
