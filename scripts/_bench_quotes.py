"""Measurement of `scripts/bench --quotes`: what prices cost on a large ledger, proofs checked.

A real node of one process answers a real client over HTTP. Before it starts, its ledger is filled with what
stands there after years of trade: invoices of `SUPPLIERS` · `BUYERS` relationships over two years, each
confirmed and paid with a record in its history, so that aggregates and habits are those that the contracts
themselves fold. Only signatures, orders' lines and goods are left out: no price reads them. The invoices of
the last two months are open, and these are priced: single quotes one after the other, then a book in pages.

It is done twice: under shrinkage, and under a model of the reference's size (`random_model`), which is
made up: what trees cost does not depend on what they were trained on.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from _bench_limits import signature_check_cpu_us
from _bench_load import cpu_seconds, disk_bytes, resident_bytes
from _bench_sizes import NODE_GC_THRESHOLDS, OneVoter

from clients import network
from clients.network import Network
from clients.sdk import Session
from contracts import Contracts, Prepared
from contracts.context import business_day
from contracts.finance import model as models
from contracts.finance.quote_book import ProvedRefusal
from contracts.pricing.forest import LEAF, Node, Tree
from contracts.pricing.known import MISSING
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import Ensemble, Model
from contracts.trade import habit, relationship
from contracts.trade.invoice import CONFIRMED, FREE, Invoice, invoice_key
from contracts.trade.order import Order, order_key
from ledger.blocks.transaction import Transaction
from ledger.codec import Value
from ledger.dates import day_from_iso
from ledger.keys import SigningKey
from ledger.money import PPM
from ledger.state.overlay import Overlay
from ledger.storage.store import LEDGER_FOLDER

SUPPLIERS = BUYERS = 100
TODAY = "2024-03-01"
TERM_DAYS = 60
TRADED_DAYS = 700
PROGRAMME, LENDER, OPERATOR = "bench", "lender", "operator"
START_TIMEOUT_S = 600
"""A node reads all its state when it starts."""
INVOICES_A_BLOCK = 10_000
SINGLE = 400
"""Single quotes that are measured, after `WARM` others."""
WARM = 40
CHUNK = 500
"""Payments, or descriptions, that are timed together."""
CHUNKS = 20
BOOK = 10_000
"""Invoices of the book, or as many as are open."""
TREES = (180, 120, 80)
"""Trees of the three outputs of the reference model, and leaves of each of them."""
LEAVES = (15, 15, 8)

FILL = "bench.fill"


class Filling(Contracts):
    """The contracts, and one transaction that enters what stands there; no other node would take it."""

    def prepare(self, transaction: Transaction) -> Prepared:
        """Leave the bench's own transaction as it is."""
        return Prepared(transaction, ()) if _is_fill(transaction) else super().prepare(transaction)

    def execute(self, state: Overlay, prepared: Prepared, time_ms: int) -> Value:
        """Enter a part of the trade."""
        if not _is_fill(prepared.transaction):
            return super().execute(state, prepared, time_ms)
        (operation,) = prepared.transaction.operations
        for pair in range(operation["first"], operation["last"]):
            enter_relationship(state, pair, operation["invoices"])
        return ()


def _is_fill(transaction: Transaction) -> bool:
    return bool(transaction.operations[0]["op"] == FILL)


def parties(pair: int) -> tuple[str, str]:
    """(supplier, buyer) of a relationship's number."""
    return f"supplier{pair // BUYERS}", f"buyer{pair % BUYERS}"


def days(pair: int, number: int, invoices: int, today: int) -> tuple[int, int]:
    """(issue day, days late) of an invoice; the last one was issued yesterday."""
    issued = today - 1 - (invoices - 1 - number) * TRADED_DAYS // invoices
    return issued, (pair * 7 + number * 5) % 17 - 3


def enter_relationship(state: Overlay, pair: int, invoices: int) -> None:
    """The invoices of one relationship, its history in the order of its days, and the order they bill."""
    supplier, buyer = parties(pair)
    today = business_day(state)
    happened = []
    for number in range(invoices):
        issued, late = days(pair, number, invoices, today)
        due, amount = issued + TERM_DAYS, 100_000 + (pair * 31 + number * 17) % 900_000
        name = f"{buyer}/{number}"
        paid_day = max(issued, due + late)
        is_paid = paid_day < today
        confirmed = (amount, due, 0, amount, 0, 0, 0, issued, amount, 0)
        happened.append((issued, (issued, "confirm", name, "EUR", *confirmed)))
        if is_paid:
            payment = (paid_day, "payment", name, "EUR", amount, paid_day, due, amount, 1, issued, amount, 0)
            happened.append((paid_day, payment))
        invoice = _invoice(buyer, issued, amount)._replace(
            paid=amount if is_paid else 0, outstanding=0 if is_paid else amount
        )
        state.put(invoice_key(supplier, name), tuple(invoice))
    for _, record in sorted(happened):
        relationship.append(state, supplier, buyer, record)
    state.put(order_key(supplier, buyer, "PO-1"), tuple(Order(2, "EUR", today - 900, ("1",), "", "", 1)))


def _invoice(buyer: str, issued: int, amount: int) -> Invoice:
    return Invoice(
        buyer=buyer,
        currency="EUR",
        issue_day=issued,
        due_day=issued + TERM_DAYS,
        order="PO-1",
        lines=(("1", 1, amount),),
        gross=amount,
        validity=CONFIRMED,
        title=FREE,
        net=amount,
        contested=0,
        credited=0,
        paid=0,
        offset=0,
        written_off=0,
        outstanding=amount,
        document=bytes(32),
        backdated=0,
        supplier_approver="",
        buyer_approver="",
        tax=0,
        prepaid=0,
        taxes=(),
        recorded=issued,
    )


def programme() -> dict[str, Any]:
    """A lender's programme for all buyers."""
    limits = [{"obligor": name, "limit": 10**12} for name in sorted(f"buyer{n}" for n in range(BUYERS))]
    terms = {"currency": "EUR", "limits": limits, "discount_rate_ppm": 72_000, "fee_ppm": 2_500}
    return {"op": "programme.publish", "programme": PROGRAMME, "terms": terms | {"min_tenor_days": 0}}


def adopt(session: Session, model: Model) -> None:
    """Upload and publish a model as the one organisation that runs a voter: so it is in force."""
    data = model.encode()
    name = sha256(data).digest()
    parts = [data[at : at + models.PART_BYTES] for at in range(0, len(data), models.PART_BYTES)]
    for number, part in enumerate(parts):
        session.submit({"op": "model.upload", "model": name, "part": number, "data": part})
    record = {
        "training_root": bytes(32),
        "rows": 1,
        "trained_until": TODAY,
        "tested_rows": 0,
        "auc_ppm": 0,
        "brier_ppm": 0,
        "mae_centidays": 0,
        "dbt_ratio_ppm": 0,
        "rising": (),
    }
    publish = {"op": "model.publish", "model": name, "parts": len(parts), "role": models.CHAMPION}
    session.submit(publish | {"record": record})


def random_model() -> Model:
    """A model of the reference's size; the same in every run."""
    chance = random.Random(1)
    late, in_days, beyond = [
        tuple([_random_tree(chance, leaves) for _ in range(trees)])
        for trees, leaves in zip(TREES, LEAVES, strict=True)
    ]
    return Model(
        FEATURES,
        Ensemble(0, late, ((-2_000_000, 0), (2_000_000, PPM))),
        Ensemble(0, in_days, ((-4_000_000, -400), (4_000_000, 400))),
        Ensemble(0, beyond, ((-2_000_000, 0), (2_000_000, 1_500))),
    )


_RANGES = {"ppm": (0, PPM), "days": (-500, 2_000), "count": (0, 200)}


def _random_tree(chance: random.Random, leaves: int) -> Tree:
    nodes: list[Node] = [(LEAF, 0, 0, 0, 0)]
    open_leaves = [0]
    for _ in range(leaves - 1):
        place = open_leaves.pop(chance.randrange(len(open_leaves)))
        feature = chance.randrange(len(FEATURES))
        name = FEATURES[feature]
        least, most = _RANGES["ppm" if "late" in name else "days" if "days" in name else "count"]
        threshold = MISSING if chance.random() < 0.05 else chance.randrange(least, most)
        left = len(nodes)
        nodes[place] = (feature, threshold, left, left + 1, nodes[place][4])
        nodes += [(LEAF, 0, 0, 0, chance.randrange(-20_000, 20_000)) for _ in range(2)]
        open_leaves += [left, left + 1]
    return tuple(nodes)


def _organisations() -> list[dict[str, Any]]:
    roles = {OPERATOR: "operator", LENDER: "lender"}
    roles |= {f"supplier{number}": "supplier" for number in range(SUPPLIERS)}
    roles |= {f"buyer{number}": "buyer" for number in range(BUYERS)}
    return [{"id": name, "name": name.title(), "roles": [role]} for name, role in roles.items()]


def _fill(net: Network, invoices: int, seen: Callable[[int], None]) -> None:
    """Enter the trade into the ledger of the node, which must not run."""
    (node,) = net.nodes
    key = SigningKey.load(node.config.with_name("node.key"))
    gc.set_threshold(*NODE_GC_THRESHOLDS)
    voter = OneVoter(node.data / LEDGER_FOLDER, net.genesis_file.read_bytes(), key, Filling())
    signer = net.profile(OPERATOR).signing_key()
    pairs = SUPPLIERS * BUYERS
    each = max(1, invoices // pairs)
    step = max(1, INVOICES_A_BLOCK // each)
    for first in range(0, pairs, step):
        last = min(pairs, first + step)
        voter.submit(signer, {"op": FILL, "first": first, "last": last, "invoices": each})
        seen(last * each)
    voter.close()


@contextmanager
def _filled(folder: Path, invoices: int, seen: Callable[[int], None]) -> Iterator[Network]:
    """A node that runs on a ledger with so many invoices."""
    net = network.up(
        folder / "quotes",
        nodes=1,
        organisations=_organisations(),
        hosts=(OPERATOR,),
        parameters={"business_date": TODAY},
    )
    network.down(net)
    _fill(net, invoices, seen)
    net = network.start(net)
    try:
        network.wait_ready(net, START_TIMEOUT_S)
        yield net
    finally:
        network.down(Network.load(net.folder))


def _open_invoices(invoices: int) -> list[tuple[str, str]]:
    """Those that can be priced, (supplier, number), in an order without order."""
    today, each = day_from_iso(TODAY), max(1, invoices // (SUPPLIERS * BUYERS))
    found = []
    for pair in range(SUPPLIERS * BUYERS):
        for number in range(each):
            if days(pair, number, each, today)[0] + TERM_DAYS > today:
                supplier, buyer = parties(pair)
                found.append((supplier, f"{buyer}/{number}"))
    random.Random(2).shuffle(found)
    return found


def _singles(session: Session, pid: int, asked: list[tuple[str, str]]) -> dict[str, float]:
    files = [len(session.quote(PROGRAMME, supplier, invoice).data) for supplier, invoice in asked[:WARM]]
    measured = asked[WARM : WARM + SINGLE]
    taken = []
    node, client = cpu_seconds(pid), time.process_time()
    for supplier, invoice in measured:
        begun = time.perf_counter()
        session.quote(PROGRAMME, supplier, invoice)
        taken.append(1_000 * (time.perf_counter() - begun))
    node, client = cpu_seconds(pid) - node, time.process_time() - client
    return {
        "quotes": len(measured),
        "p50_ms": round(statistics.median(taken), 2),
        "p90_ms": round(statistics.quantiles(taken, n=10)[-1], 2),
        "node_cpu_ms": round(1_000 * node / len(measured), 2),
        "client_cpu_ms": round(1_000 * client / len(measured), 2),
        "bytes": round(statistics.mean(files)),
    }


def _book(session: Session, pid: int, asked: list[tuple[str, str]]) -> dict[str, float]:
    node, client, begun = cpu_seconds(pid), time.process_time(), time.perf_counter()
    results = [result for page in session.quote_book(PROGRAMME, asked) for result in page.results]
    seconds = time.perf_counter() - begun
    refused = sum([isinstance(result, ProvedRefusal) for result in results])
    if refused:
        raise SystemExit(f"{refused} of {len(results)} invoices got no price")
    return {
        "quotes": len(results),
        "a_minute": round(60 * len(results) / seconds),
        "node_cpu_ms": round(1_000 * (cpu_seconds(pid) - node) / len(results), 3),
        "client_cpu_ms": round(1_000 * (time.process_time() - client) / len(results), 3),
    }


def rules() -> dict[str, float]:
    """What the contracts' own part costs, in µs of CPU: each the median of chunks, in this process."""
    chance = random.Random(2)
    state = Overlay(_Nothing())
    payments = []
    for number in range(CHUNKS * CHUNK):  # each day those that are due about then, in one half-year
        due, late = 20_100 + number // CHUNK, chance.randrange(-3, 14)
        settled = habit.Settled(due, due - TERM_DAYS, due + late, chance.randrange(10**5, 10**6), "EUR", 0)
        payments.append((*parties(chance.randrange(CHUNK)), settled))

    def confirm(number: int) -> None:
        supplier, buyer, settled = payments[number]
        habit.note_open(state, supplier, buyer, settled.issue_day, ((settled.due_day, 1),))
        state.keep()

    def observe(number: int) -> None:
        habit.observe(state, *payments[number])
        state.keep()  # each payment is a transaction of its own

    model = random_model()
    described = [tuple([chance.randrange(2_000) for _ in FEATURES]) for _ in range(CHUNK)]
    return {
        "confirmation_update_us": _median_us(confirm),
        "feature_update_us": _median_us(observe),
        "trees_us": _median_us(lambda number: model.predict(described[number % CHUNK])),
        "trees_with_reasons_us": _median_us(lambda number: model.explain(described[number % CHUNK])),
    }


class _Nothing:
    """A state without entries."""

    def get(self, key: bytes, /) -> Value | None:  # noqa: ARG002
        return None


def _median_us(one: Callable[[int], object]) -> float:
    """The median over chunks of what a call costs; each chunk goes on with the numbers."""
    spent = []
    for first in range(0, CHUNKS * CHUNK, CHUNK):
        begun = time.thread_time()
        for number in range(first, first + CHUNK):
            one(number)
        spent.append(time.thread_time() - begun)
    return round(1e6 * statistics.median(spent) / CHUNK, 1)


def quotes(folder: Path, invoices: int, seen: Callable[[int], None]) -> dict[str, Any]:
    """Figures of a ledger with so many invoices; `seen` is told how many are entered."""
    alone = rules()
    with _filled(folder, invoices, seen) as net:
        pid, asked = net.nodes[0].pid, _open_invoices(invoices)
        if len(asked) < WARM + SINGLE:
            raise SystemExit(f"{len(asked)} open invoices are too few to price")
        result: dict[str, Any] = {"invoices": invoices, "relationships": SUPPLIERS * BUYERS}
        lender, operator = Session(net.profile(LENDER)), Session(net.profile(OPERATOR))
        lender.submit(programme())
        result["signature_check_us"] = round(signature_check_cpu_us(), 1)
        result |= alone
        for priced_by in ("shrinkage", "trees"):
            if priced_by == "trees":
                adopt(operator, random_model())
            result[priced_by] = {
                "single": _singles(lender, pid, asked),
                "book": _book(lender, pid, asked[:BOOK]),
            }
        lender.close()
        operator.close()
        result["resident_mib"] = round(resident_bytes(pid) / 2**20)
        result["disk_bytes_per_invoice"] = round(disk_bytes(net.nodes[0].data) / invoices)
    return result
