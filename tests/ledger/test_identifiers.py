"""The alphabet of identifiers and the check digits of known schemes."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed
from ledger.identifiers import (
    IDENTIFIER_PATTERN,
    checked_identifier,
    checked_lei,
    checked_name,
    is_gs1,
    is_identifier,
    is_lei,
    mod_97_10,
)


@pytest.mark.parametrize(
    "text", ["1", "RE/2024 17", "Rechnung Nr. 5 (Kopie)", "Счёт-12", "発票12", "Ä" * 32, "~"]
)
def test_numbers_as_companies_write_them_are_identifiers(text: str) -> None:
    assert checked_identifier(text, "invoice") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "a\nb",
        "a\n",
        "a\tb",
        "a\x00b",
        "a\u00a0b",
        "a\u00adb",
        "a\u200bb",
        "a\u202eb",
        "e\u0301",
        "\ufeff1",
        "Ä" * 33,
        "x" * 65,
        "\U0001f600",
    ],
)
def test_invisible_combining_and_long_texts_are_not(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        checked_identifier(text, "invoice")
    assert (refused.value.code, refused.value.field) == ("identifier", "invoice")
    assert refused.value.as_dict()["found"].isascii()


def test_the_alphabet_is_visible_and_normal() -> None:
    unassigned = {"\u038b", "\u038d", "\u03a2"}
    for point in range(0x110000):
        character = chr(point)
        if is_identifier(character) and character not in unassigned:
            assert unicodedata.category(character)[0] not in "CZM", hex(point)
            assert unicodedata.normalize("NFC", character) == character, hex(point)


@given(st.text(max_size=80))
def test_any_text_gets_a_verdict_and_the_pattern_agrees(text: str) -> None:
    matches = re.fullmatch(IDENTIFIER_PATTERN[1:-1], text) is not None
    assert is_identifier(text) == (matches and len(text.encode("utf-8", "surrogatepass")) <= 64)


@pytest.mark.parametrize("text", ["a", "node-1", "hub.clinton_health", "0"])
def test_names_stand_in_paths(text: str) -> None:
    assert checked_name(text, "node") == text


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", "a/b", "..", "a b", "é", "a" * 65, "a\n"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        checked_name(text, "node")
    assert refused.value.code == "name"


LEI = "549300LBI3LRIZ2V8V66"


def test_lei_of_the_register_is_valid() -> None:
    assert checked_lei(LEI) == LEI
    assert mod_97_10(LEI) == 1


def test_every_changed_digit_or_letter_of_a_lei_is_seen() -> None:
    """MOD 97-10 sees every digit for a digit and letter for a letter; across the two it may not."""
    for place, character in enumerate(LEI):
        for other in "0123456789" if character.isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            assert is_lei(LEI[:place] + other + LEI[place + 1 :]) == (other == character)


def test_neighbours_changed_about_in_a_lei_are_seen() -> None:
    for place in range(19):
        swapped = LEI[:place] + LEI[place + 1] + LEI[place] + LEI[place + 2 :]
        assert is_lei(swapped) == (swapped == LEI)


@pytest.mark.parametrize("text", ["", LEI.lower(), LEI[:-1], LEI + "0", LEI[:18] + "6A", LEI + "\n"])
def test_other_texts_are_no_lei(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        checked_lei(text)
    assert refused.value.code == "lei"


def test_gs1_keys() -> None:
    assert is_gs1("4006381333931", 13)
    assert is_gs1("106141412345678908", 18)
    assert not is_gs1("4006381333932", 13)
    assert not is_gs1("4006381333931", 18)
    assert not is_gs1("400638133393١", 13)
