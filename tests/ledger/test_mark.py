"""The durable mark's file: two slots, of which a torn write destroys at most the newer."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import StoreError
from ledger.storage.mark import NOTHING, Mark, MarkFile
from ledger.storage.slot_file import SLOT_BYTES

FIRST = Mark(3, b"\x01" * 32, 7, "n1")
SECOND = Mark(4, b"\x02" * 32, 8, None)


def read(path) -> Mark:
    file = MarkFile.open(path)
    file.close()
    return file.mark


def written(path, *marks: Mark) -> None:
    file = MarkFile.create(path)
    for mark in marks:
        file.write(mark)
    file.close()


def test_a_new_file_marks_nothing(tmp_path) -> None:
    written(tmp_path / "mark")
    assert read(tmp_path / "mark") == NOTHING


def test_the_newest_write_counts(tmp_path) -> None:
    written(tmp_path / "mark", FIRST, SECOND)
    assert read(tmp_path / "mark") == SECOND
    file = MarkFile.open(tmp_path / "mark")
    file.write(FIRST)
    file.close()
    assert read(tmp_path / "mark") == FIRST


def test_a_mark_is_never_created_over_another(tmp_path) -> None:
    written(tmp_path / "mark", FIRST)
    with pytest.raises(StoreError):
        MarkFile.create(tmp_path / "mark")
    assert read(tmp_path / "mark") == FIRST


def test_a_missing_mark_is_said_to_be_missing(tmp_path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        MarkFile.open(tmp_path / "mark")


@settings(max_examples=60)
@given(kept=st.integers(0, SLOT_BYTES - 1))
def test_a_torn_write_leaves_the_mark_before_it(tmp_path_factory, kept) -> None:
    path = tmp_path_factory.mktemp("mark") / "mark"
    written(path, FIRST)
    before = path.read_bytes()
    file = MarkFile.open(path)
    file.write(SECOND)
    file.close()
    after = path.read_bytes()
    changed = next(
        place
        for place in (0, 1)
        if before[place * SLOT_BYTES :][:SLOT_BYTES] != after[place * SLOT_BYTES :][:SLOT_BYTES]
    )
    start = changed * SLOT_BYTES
    torn = bytearray(before)
    torn[start : start + kept] = after[start : start + kept]
    path.write_bytes(torn)
    assert read(path) in (FIRST, SECOND)
    if kept < 32:
        assert read(path) == FIRST


def test_a_mark_without_a_whole_slot_is_refused(tmp_path) -> None:
    path = tmp_path / "mark"
    written(path, FIRST, SECOND)
    for data in (b"", bytes(2 * SLOT_BYTES), os.urandom(2 * SLOT_BYTES)):
        path.write_bytes(data)
        with pytest.raises(StoreError, match="damaged"):
            MarkFile.open(path)
