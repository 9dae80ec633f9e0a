"""docs/protocol.md says what the code does: tables, example, and a verifier made from the page alone."""

import re
from hashlib import sha256

import msgpack
import protocol_example
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from contracts.errors import FORM_REMEDIES, REMEDIES
from ledger import codec, hashing, keys, limits, money
from ledger.blocks.genesis import read_genesis
from ledger.faults.evidence import KINDS
from ledger.proofs.verify import trust, verify_history, verify_receipt

DOCUMENT = protocol_example.DOCUMENT.read_text()


def section(title):
    after = re.split(rf"^#+ (?:\d+\. )?{re.escape(title)}$", DOCUMENT, flags=re.MULTILINE)[1]
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(title):
    table = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_tags_are_those_of_the_code():
    names = {
        "Merkle leaf": "MERKLE_LEAF",
        "Merkle node": "MERKLE_NODE",
        "transaction id": "TRANSACTION",
        "block hash": "HEADER",
        "state bucket": "STATE_BUCKET",
        "state node": "STATE_NODE",
        "history head": "HISTORY",
        "membership hash": "MEMBERSHIP",
        "commitment of a private field": "COMMITMENT",
        "preamble hash": "PREAMBLE",
        "state value": "STATE_VALUE",
        "invoice fingerprint": "FINGERPRINT",
        "lines of an invoice": "LINES",
        "sealed bid": "BID",
        "quote": "QUOTE_TERMS",
    }
    listed = {kind: bytes.fromhex(tag.strip("`")) for tag, kind, _ in rows("Hashes")}
    assert listed == {kind: getattr(hashing, name) for kind, name in names.items()}
    tags = {value for value in vars(hashing).values() if isinstance(value, bytes) and len(value) == 1}
    assert set(listed.values()) == tags


def test_domains_are_those_of_the_code():
    listed = {domain.strip("`").encode() + b"\0" for domain, _, _ in rows("Signatures")}
    assert listed == {value for name, value in vars(keys).items() if name.endswith("_DOMAIN")}


def test_bounds_are_those_of_the_code():
    for name, value, *rest in rows("Bounds"):
        meaning = " ".join(rest)
        module = money if "`ledger/money.py`" in meaning else limits
        assert getattr(module, name.strip("`")) == int(value.replace(",", "")), name


def test_the_bounds_of_amounts_are_in_the_page_that_their_refusals_name():
    listed = {name.strip("`") for name, *_ in rows("Bounds")}
    assert {"MAX_AMOUNT", "MAX_TOTAL"} <= listed
    for remedy in (
        money.AmountOverflow.remedy,
        REMEDIES["amount_overflow"],
        FORM_REMEDIES["amount_overflow"],
    ):
        assert "docs/protocol.md" in remedy


def test_faults_are_those_of_the_code():
    assert [fault.strip("`") for fault, *_ in rows("Evidence")][-len(KINDS) :] == list(KINDS)


@pytest.mark.parametrize(
    ("title", "function"),
    [
        ("Verifying a certified header", "ledger.blocks.certificate.CertifiedHeader.verify"),
        ("Following membership changes offline", "ledger.proofs.handover.Handover.verify"),
        ("Verifying a state proof", "ledger.state.proof.StateProof.verify"),
        ("Verifying a receipt", "ledger.proofs.receipt.Receipt.verify"),
        ("Verifying a history", "ledger.proofs.history.History.verify"),
        ("Verifying a statement", "ledger.proofs.statement.Statement.verify"),
        ("Verifying an answer", "contracts.answer.Answer.verify"),
        ("Verifying a chain", "ledger.proofs.audit.ChainAudit.take"),
        ("Snapshots", "ledger.snapshots.snapshot.Manifest.verify"),
    ],
)
def test_numbers_of_the_steps_stand_beside_the_code(title, function):
    module, cls, method = function.rsplit(".", 2)
    source = (protocol_example.ROOT / (module.replace(".", "/") + ".py")).read_text()
    text = re.split(rf"^class {cls}\b", source, flags=re.MULTILINE)[1]
    same_steps(title, text.split(f"def {method}(")[1].split("\n    def ")[0])


def test_numbers_of_the_steps_of_a_recovery_stand_beside_the_code():
    source = (protocol_example.ROOT / "contracts" / "parties" / "recovery.py").read_text()
    same_steps("Verifying a recovery", source.split("\ndef verify(")[1].split("\ndef ")[0])


def same_steps(title, body):
    in_code = re.findall(r"^\s+# (\d+)\. ", body, flags=re.MULTILINE)
    in_document = re.findall(r"^(\d+)\. ", section(title), flags=re.MULTILINE)
    assert in_code == in_document
    assert in_code == [str(number) for number in range(1, len(in_code) + 1)]


@pytest.mark.parametrize("name", ["genesis.block", "receipt.tally", "history.tally"])
def test_example_files_are_what_the_code_makes(name):
    assert protocol_example.files()[name] == (protocol_example.FILES / name).read_bytes()


def test_example_in_the_document_is_what_the_code_makes():
    assert f"```text\n{protocol_example.listing()}\n```" in DOCUMENT


def test_example_files_verify():
    files = protocol_example.files()
    genesis = trust(files["genesis.block"])
    assert [outcome.is_applied for outcome in verify_receipt(files["receipt.tally"], genesis)] == [
        True,
        False,
    ]
    assert verify_history(files["history.tally"], genesis).entry.count == 3


# A verifier written from the page alone: nothing of ours is called below.


class NotProved(Exception):
    pass


def need(condition, what):
    if not condition:
        raise NotProved(what)


def unpack(data):
    value = msgpack.unpackb(data, use_list=False)
    need(msgpack.packb(value) == data, "spelling")
    return value


def digest(tag, *parts):
    return sha256(bytes([tag]) + b"".join(parts)).digest()


def signed(key, domain, message, signature):
    try:
        VerifyKey(key).verify(domain + b"\0" + message, signature)
    except BadSignatureError:
        raise NotProved("signature") from None


def run_root(leaves, first, size, proof):
    low, high, level, proof = first, first + len(leaves), list(leaves), list(proof)
    need(leaves and high <= size, "run")
    try:
        while size > 1:
            if low % 2:
                level.insert(0, proof.pop(0))
                low -= 1
            if high % 2 and high < size:
                level.append(proof.pop(0))
                high += 1
            level = [
                digest(1, level[at], level[at + 1]) if at + 1 < len(level) else level[at]
                for at in range(0, len(level), 2)
            ]
            low, high, size = low // 2, (high + 1) // 2, (size + 1) // 2
    except IndexError:
        raise NotProved("short proof") from None
    need(not proof, "long proof")
    return level[0]


class Stranger:
    def __init__(self, genesis_block):
        header, _, preamble, _, _ = unpack(genesis_block)
        document = unpack(preamble)
        self.channel = digest(3, header)
        self.quorum = document["quorum"]
        self.keys = {node["id"]: node["key"] for node in document["nodes"]}
        members = [[n["id"], n["organisation"], n["key"], n["certificate"]] for n in document["nodes"]]
        voters = [self.quorum, [n["id"] for n in document["nodes"]]]
        self.membership = digest(7, msgpack.packb([1, members, voters, [0, []]]))
        need(unpack(header)[7] == digest(9, preamble), "preamble")
        need(unpack(header)[13] == self.membership, "membership")

    def header(self, certified):
        header, link, (term, height, block_hash, acks) = certified
        top_bytes = header if link is None else link[1]
        top = unpack(top_bytes)
        need(top[1] == self.channel, "channel")
        need(top[13] == self.membership, "membership")
        need((block_hash, term, height) == (digest(3, top_bytes), top[3], top[2]), "certificate")
        nodes = [node for node, _ in acks]
        need(nodes == sorted(set(nodes)) and len(nodes) >= self.quorum, "quorum")
        for node, signature in acks:
            need(node in self.keys, "member")
            message = msgpack.packb([self.channel, term, height, block_hash])
            signed(self.keys[node], b"tallystick/ack/1", message, signature)
        fields = unpack(header)
        if link is not None:
            leaf = digest(0, digest(3, header))
            need(run_root([leaf], fields[2], top[2], link[0]) == top[12], "history root")
        return fields

    def state(self, root, proof):
        entries, contents, siblings = proof
        wanted = [key for key, _ in entries]
        need(wanted and wanted == sorted(set(wanted)), "keys")
        number = {key: int.from_bytes(sha256(key).digest()[:3], "big") >> 4 for key in wanted}
        need(len(contents) == len(set(number.values())), "buckets")
        buckets = dict(zip(sorted(set(number.values())), contents, strict=True))
        for key, value in entries:
            records = buckets[number[key]]
            held = {records[at : at + 32]: records[at + 32 : at + 64] for at in range(0, len(records), 64)}
            need(held.get(sha256(key).digest()) == (None if value is None else digest(10, value)), "entry")
        nodes = {n: digest(4, records) if records else bytes(32) for n, records in buckets.items()}
        siblings = list(siblings)
        for _ in range(5):
            above = {}
            for parent in sorted({n // 16 for n in nodes}):
                given = siblings.pop(0)
                mask, hashes = int.from_bytes(given[:2], "big"), given[2:]
                children = []
                for child in range(16):
                    if mask >> child & 1:
                        children.append(hashes[:32])
                        hashes = hashes[32:]
                    else:
                        children.append(nodes.get(16 * parent + child, bytes(32)))
                above[parent] = digest(5, *children) if any(map(any, children)) else bytes(32)
            nodes = above
        need(nodes[0] == root and not siblings, "state root")
        return dict(entries)

    def receipt(self, file):
        kind, version, first, envelopes, results, in_transactions, in_results, certified = unpack(file)
        need((kind, version) == ("receipt", 1), "kind")
        header = self.header(certified)
        need(len(results) == len(envelopes) > 0, "results")
        leaves = []
        for body, signature in envelopes:
            fields = unpack(body)
            need(fields[1] == self.channel, "channel")
            signed(fields[2], b"tallystick/tx/1", body, signature)
            leaves.append(digest(0, digest(2, body) + signature))
        need(run_root(leaves, first, header[8], in_transactions) == header[9], "transactions")
        leaves = [digest(0, msgpack.packb(result)) for result in results]
        need(run_root(leaves, first, header[8], in_results) == header[10], "results")
        return results

    def history(self, file):
        kind, version, key, first, head, records, state, certified = unpack(file)
        need((kind, version) == ("history", 1), "kind")
        proved = self.state(self.header(certified)[11], state)
        need(set(proved) == {key}, "key")
        count, newest, _ = unpack(proved[key]) if proved[key] else (0, bytes(32), None)
        need(first + len(records) == count, "count")
        need(first or head == bytes(32), "head before")
        for record in records:
            head = digest(6, head, record)
        need(head == newest, "head")
        return [unpack(record) for record in records]


def test_verifier_made_from_the_page_alone_agrees():
    files = protocol_example.files()
    stranger = Stranger(files["genesis.block"])
    assert stranger.channel == read_genesis(files["genesis.block"]).channel
    genesis = read_genesis(files["genesis.block"])
    results = [outcome.result for outcome in verify_receipt(files["receipt.tally"], genesis)]
    assert list(stranger.receipt(files["receipt.tally"])) == results
    assert (
        tuple(stranger.history(files["history.tally"]))
        == verify_history(files["history.tally"], genesis).records
    )


def test_verifier_made_from_the_page_alone_refuses_changed_hashes_and_signatures():
    files = protocol_example.files()
    stranger = Stranger(files["genesis.block"])
    receipt = codec.decode(files["receipt.tally"])
    for place, value in ((2, 0), (4, ((), ())), (5, (bytes(32),)), (6, ())):
        changed = [*receipt]
        changed[place] = value
        with pytest.raises(NotProved):
            stranger.receipt(codec.encode(tuple(changed)))
    data = files["history.tally"]
    with pytest.raises(NotProved):
        stranger.history(data.replace(b"INV-2", b"INV-3"))
