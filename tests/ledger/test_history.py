"""Histories: complete or a suffix, and nothing hidden, altered, added or moved passes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import SmallChain

from ledger import codec
from ledger.errors import Malformed, VerificationError
from ledger.hashing import HISTORY, ZERO, digest
from ledger.proofs.history import History
from ledger.proofs.verify import verify_file, verify_history
from ledger.state import history
from ledger.state.history import HistoryEntry
from ledger.state.overlay import state_key

KEY = state_key("relationship", "acme", "carrier")
OTHER = state_key("relationship", "acme", "nobody")
RECORDS = [(19_675 + number, "paid", f"INV-{number}", 1_000 + number) for number in range(9)]


def grown(records=RECORDS):
    chain = SmallChain()
    total = 0
    for start in range(0, len(records), 4):
        state = chain.overlay()
        for record in records[start : start + 4]:
            total += record[-1]
            history.append(state, KEY, record, {"paid": total})
        state.put(state_key("date"), start)
        chain.seal(state=state)
    return chain


CHAIN = grown()
GENESIS = CHAIN.genesis
WHOLE = CHAIN.history(KEY)
LAST = CHAIN.history(KEY, 3)


def test_chain_is_the_documented_one():
    head = ZERO
    for record in RECORDS:
        head = digest(HISTORY, head, codec.encode(record))
    assert CHAIN.state[KEY] == (9, head, {"paid": sum(record[-1] for record in RECORDS)})
    assert history.chain(history.NO_RECORDS, CHAIN.records[KEY]) == head


def test_append_numbers_records_from_zero_and_rolls_back_with_the_overlay():
    state = SmallChain().overlay()
    assert history.append(state, KEY, ("a",), 1) == 0
    savepoint = state.savepoint()
    assert history.append(state, KEY, ("b",), 2) == 1
    state.rollback(savepoint)
    assert history.append(state, KEY, ("c",), 3) == 1
    assert [(number, codec.decode(record)) for _, number, record in state.records] == [
        (0, ("a",)),
        (1, ("c",)),
    ]
    assert state.get(KEY)[0::2] == (2, 3)


def test_whole_history_is_proved_complete():
    proved = verify_history(WHOLE.encode(), GENESIS)
    assert proved.is_complete
    assert proved.records == tuple(RECORDS)
    assert proved.entry == HistoryEntry(9, CHAIN.state[KEY][1], {"paid": 9_036})
    assert (proved.key, proved.height, proved.block_hash) == (KEY, 3, CHAIN.blocks[3].hash)


@given(st.integers(0, 12))
def test_suffix_is_proved_to_be_the_newest_records(last):
    proved = CHAIN.history(KEY, last).verify(GENESIS)
    assert proved.records == tuple(RECORDS[max(0, 9 - last) :])
    assert proved.is_complete is (last >= 9)


def test_absence_of_a_history_is_proved_too():
    proved = verify_file(CHAIN.history(OTHER).encode(), GENESIS)
    assert (proved.entry, proved.records, proved.is_complete) == (None, (), True)


@pytest.mark.parametrize("file", [WHOLE, LAST, CHAIN.history(OTHER)], ids=["whole", "suffix", "absent"])
def test_flip_of_any_single_byte_is_refused_with_a_sentence(file):
    data = file.encode()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        refused(bytes(changed))


@given(st.data())
@settings(max_examples=200)
def test_any_other_byte_anywhere_a_cut_or_an_addition_is_refused(data):
    encoded = LAST.encode()
    position = data.draw(st.integers(0, len(encoded) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != encoded[position]))
    refused(encoded[:position] + bytes([other]) + encoded[position + 1 :])
    refused(encoded[:position])
    refused(encoded + data.draw(st.binary(min_size=1, max_size=5)))
    refused(encoded[:position] + bytes([other]) + encoded[position:])


def refused(data):
    with pytest.raises((VerificationError, Malformed)) as caught:
        verify_file(data, GENESIS)
    assert len(caught.value.message.split()) >= 2
    assert caught.value.remedy


RECORD = codec.encode(("forged",))
R = WHOLE.records
WRONG = {
    "first record hidden": (replace(WHOLE, records=R[1:]), "missing or left over"),
    "first record hidden and renumbered": (replace(WHOLE, first=1, records=R[1:]), "do not lead to the head"),
    "last record hidden": (replace(WHOLE, records=R[:-1]), "missing or left over"),
    "record hidden inside": (replace(WHOLE, records=R[:3] + R[4:]), "missing or left over"),
    "record altered": (replace(WHOLE, records=(*R[:3], RECORD, *R[4:])), "do not lead to the head"),
    "records exchanged": (replace(WHOLE, records=(R[1], R[0], *R[2:])), "do not lead to the head"),
    "record added": (replace(WHOLE, records=(*R, RECORD)), "missing or left over"),
    "records joined": (replace(WHOLE, first=1, records=(R[0] + R[1], *R[2:])), "do not lead to the head"),
    "suffix as a whole": (replace(LAST, first=0), "missing or left over"),
    "head before the first": (replace(WHOLE, head_before=b"h" * 32), "before the first record"),
    "another head before": (replace(LAST, head_before=ZERO), "do not lead to the head"),
    "records of an absent history": (replace(CHAIN.history(OTHER), records=R), "missing or left over"),
    "first of an absent history": (replace(CHAIN.history(OTHER), first=1), "missing or left over"),
    "another key": (replace(WHOLE, key=OTHER), "for another key"),
    "another height": (replace(WHOLE, certified=CHAIN.certified(2)), "does not lead to the state root"),
    "state of another chain": (replace(WHOLE, state=grown(RECORDS[:8]).history(KEY).state), "does not lead"),
}


@pytest.mark.parametrize("case", WRONG)
def test_history_with_holes_or_forgeries_is_refused_with_the_step_that_failed(case):
    file, sentence = WRONG[case]
    with pytest.raises(VerificationError, match=sentence):
        file.verify(GENESIS)


def test_state_entry_of_another_kind_is_no_history():
    key = state_key("date")
    with pytest.raises(VerificationError, match="not that of a history"):
        CHAIN.history(key).verify(GENESIS)


def test_record_that_cannot_be_read_is_refused():
    chain = SmallChain()
    state = chain.overlay()
    state.record(KEY, 0, b"\xc1", ZERO, history.next_head(ZERO, b"\xc1"))
    state.put(KEY, (1, history.next_head(ZERO, b"\xc1"), None))
    chain.seal(state=state)
    with pytest.raises(VerificationError, match="cannot be read"):
        chain.history(KEY).verify(chain.genesis)


VALUE = codec.decode(WHOLE.encode())


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (0, "receipt", "kind"),
        (1, 0, "history.version"),
        (2, "key", "history.key"),
        (2, b"", "history.key"),
        (3, -1, "history.first"),
        (4, bytes(31), "history.head_before"),
        (5, None, "history.records"),
        (5, (b"",), "history.records"),
        (5, (bytes(4_097),), "history.records"),
        (6, None, "state_proof"),
        (7, None, "certified"),
    ],
)
def test_history_of_another_form_is_malformed_and_names_the_part(place, value, field):
    changed = [*VALUE]
    changed[place] = value
    with pytest.raises(Malformed) as caught:
        History.decode(codec.encode(tuple(changed)))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "value", [None, 5, (), (0, ZERO, None), (1, b"", None), ("1", ZERO, None), (1, ZERO)], ids=str
)
def test_entry_of_another_form_is_malformed(value):
    with pytest.raises(Malformed):
        HistoryEntry.from_value(value)
