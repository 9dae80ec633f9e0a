"""Signatures: the verification rule on every published vector, domains, and key files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import keys
from ledger.keys import KeyFileError, SigningKey

DATA = Path(__file__).parent.parent / "data" / "crypto"

REFUSED_FLAGS = {"low_order_R", "low_order_A", "non_canonical_R", "non_canonical_A", "low_order_residue"}
"""CCTV flags under which the rule of `ledger.keys` refuses; the other flags do not matter."""

CCTV_ACCEPTED = 26
"""Of the vectors in tests/data, so that a rule which refuses everything does not pass."""


def cctv():
    return json.loads((DATA / "cctv-ed25519" / "ed25519vectors.json").read_text())


@pytest.mark.parametrize("vector", cctv(), ids=lambda vector: f"cctv-{vector['number']}")
def test_cctv_vector_has_the_verdict_of_the_rule(vector):
    flags = set(vector["flags"] or [])
    verdict = keys.verify(
        bytes.fromhex(vector["key"]), b"", vector["msg"].encode(), bytes.fromhex(vector["sig"])
    )
    assert verdict is not bool(flags & REFUSED_FLAGS)


def test_cctv_vectors_hold_both_verdicts():
    accepted = [v["number"] for v in cctv() if not set(v["flags"] or []) & REFUSED_FLAGS]
    assert len(accepted) == CCTV_ACCEPTED


def wycheproof():
    document = json.loads((DATA / "wycheproof" / "ed25519_test.json").read_text())
    return [
        pytest.param(group["publicKey"]["pk"], test, id=f"tc{test['tcId']}")
        for group in document["testGroups"]
        for test in group["tests"]
    ]


@pytest.mark.parametrize(("public", "test"), wycheproof())
def test_wycheproof_vector_has_its_published_verdict(public, test):
    verdict = keys.verify(bytes.fromhex(public), b"", bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
    assert verdict is (test["result"] == "valid")


SPECCHECK = {
    0: False,  # A and R of small order
    2: False,  # R of small order
    4: False,  # good only after multiplying by the cofactor
    6: False,  # S above the group order
    8: False,  # R in a non-canonical encoding
    10: False,  # A in a non-canonical encoding
}


@pytest.mark.parametrize("case", SPECCHECK)
def test_speccheck_case_has_the_verdict_of_the_rule(case):
    vectors = json.loads((DATA / "ed25519-speccheck" / "cases.json").read_text())
    (vector,) = [vector for vector in vectors if vector["case"] == case]
    parts = [bytes.fromhex(vector[name]) for name in ("pub_key", "message", "signature")]
    assert keys.verify(parts[0], b"", parts[1], parts[2]) is SPECCHECK[case]


def test_library_with_another_rule_does_not_load(monkeypatch):
    keys._check_library()
    monkeypatch.setattr(keys, "crypto_sign_open", lambda signed, public: signed)
    with pytest.raises(RuntimeError, match="another rule"):
        keys._check_library()


KEY = SigningKey.from_seed(bytes(range(32)))


def test_seed_gives_the_public_key_of_rfc_8032():
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert SigningKey.from_seed(seed).public.hex() == public


def test_signature_is_worth_nothing_under_another_domain_message_or_key():
    signature = KEY.sign(keys.TRANSACTION_DOMAIN, b"message")
    assert keys.verify(KEY.public, keys.TRANSACTION_DOMAIN, b"message", signature)
    assert not keys.verify(KEY.public, keys.HEADER_DOMAIN, b"message", signature)
    assert not keys.verify(KEY.public, keys.ACK_DOMAIN, b"message", signature)
    assert not keys.verify(KEY.public, keys.TRANSACTION_DOMAIN, b"massage", signature)
    assert not keys.verify(SigningKey.generate().public, keys.TRANSACTION_DOMAIN, b"message", signature)


def test_no_domain_begins_another():
    domains = [keys.TRANSACTION_DOMAIN, keys.HEADER_DOMAIN, keys.ACK_DOMAIN]
    assert not [(a, b) for a in domains for b in domains if a != b and b.startswith(a)]


@pytest.mark.parametrize("length", [0, 63, 65])
def test_signature_of_a_wrong_length_is_refused_not_raised(length):
    assert not keys.verify(KEY.public, b"", b"message", bytes(length))
    assert not keys.verify(KEY.public[:31], b"", b"message", bytes(64))


def test_every_flipped_bit_of_a_signature_is_refused():
    signature = KEY.sign(keys.ACK_DOMAIN, b"message")
    for bit in range(512):
        changed = bytearray(signature)
        changed[bit >> 3] ^= 1 << (bit & 7)
        assert not keys.verify(KEY.public, keys.ACK_DOMAIN, b"message", bytes(changed)), bit


def test_many_signatures_get_their_own_verdicts():
    good = KEY.sign(b"d", b"one")
    assert keys.verify_many(b"d", [(KEY.public, b"one", good), (KEY.public, b"two", good)]) == [True, False]


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_key_file_is_private_to_its_owner_and_reads_back(tmp_path, passphrase):
    path = tmp_path / "key.pem"
    KEY.save(path, passphrase)
    assert path.stat().st_mode & 0o077 == 0
    assert SigningKey.load(path, passphrase) == KEY


def test_key_file_is_never_overwritten(tmp_path):
    path = tmp_path / "key.pem"
    KEY.save(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="cannot write"):
        SigningKey.generate().save(path)
    assert path.read_bytes() == before


def test_key_files_that_do_not_open_are_one_typed_error(tmp_path):
    path = tmp_path / "key.pem"
    KEY.save(path, b"right")
    for passphrase in (None, b"wrong"):
        with pytest.raises(KeyFileError):
            SigningKey.load(path, passphrase)
    with pytest.raises(KeyFileError, match="cannot read"):
        SigningKey.load(tmp_path / "missing.pem")
    (tmp_path / "text.pem").write_text("not a key")
    with pytest.raises(KeyFileError, match="cannot open"):
        SigningKey.load(tmp_path / "text.pem")


def test_private_half_does_not_show_in_a_printed_key():
    shown = repr(KEY) + str(KEY)
    assert KEY.seed.hex() not in shown
    assert KEY.public.hex() in shown


def test_rule_holds_with_assertions_switched_off():
    code = (
        "from ledger.keys import SigningKey, verify; k = SigningKey.generate(); "
        "s = k.sign(b'd', b'm'); import sys; "
        "sys.exit(0 if verify(k.public, b'd', b'm', s) and not verify(k.public, b'd', b'n', s) else 1)"
    )
    assert subprocess.run([sys.executable, "-O", "-c", code], check=False).returncode == 0
