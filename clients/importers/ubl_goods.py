"""UBL 2.1 DespatchAdvice and ReceiptAdvice to what supplier and buyer say of goods.

| `shipment.dispatch`, signed by the supplier | from the DespatchAdvice |
|---|---|
| shipment | ID |
| order | the one OrderReference, of the document or of its lines |
| buyer | BuyerCustomerParty, else DeliveryCustomerParty |
| supplier (the signer) | SellerSupplierParty, else DespatchSupplierParty |
| date | Shipment/Delivery/Despatch/ActualDespatchDate, else IssueDate |
| scheduled | end of the delivery period promised, else requested; what is estimated is not agreed |
| lines | OrderLineReference/LineID, DeliveredQuantity |
| units | SSCCs of the TransportHandlingUnits, of the shipment or of its lines |
| carrier | CarrierParty, if it is an organisation of the channel |

| `goods.receive`, signed by the buyer | from the ReceiptAdvice |
|---|---|
| shipment | the one DespatchDocumentReference, of the document or of its lines |
| supplier, buyer (the signer) | as above |
| date | the newest ReceivedDate of a line, else Shipment/Delivery/ActualDeliveryDate, else IssueDate |
| lines | OrderLineReference/LineID; accepted = ReceivedQuantity - RejectedQuantity, and RejectedQuantity |

The ledger counts whole units, of one order in a shipment. A line of which nothing was sent, or nothing came,
is left out; one that names no line of the order is a problem. A document with any problem gives no operation.
"""

from __future__ import annotations

from typing import NamedTuple

from clients.importers.billing import organisation_of
from clients.importers.en16931 import Party
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import NOTHING, Entry, ImportContext, Outcome
from clients.importers.ubl_terms import UblReader
from clients.importers.xml_document import UBL, Element, parse_xml, step_name
from clients.importers.xml_terms import every, first
from contracts.trade.units import SSCC_DIGITS, canonical_unit
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier

MARKS = (b"xsd:DespatchAdvice-2", b"xsd:ReceiptAdvice-2")
"""What the beginning of such a file holds."""

DESPATCH = f"{{{UBL}DespatchAdvice-2}}DespatchAdvice"
RECEIPT = f"{{{UBL}ReceiptAdvice-2}}ReceiptAdvice"

MISSING = "missing_term"
"""Code of a term that an advice must have for the ledger."""

_UNIT_DIGITS = (SSCC_DIGITS, SSCC_DIGITS + len("00"))
_SUPPLIERS = ("cac:SellerSupplierParty/cac:Party", "cac:DespatchSupplierParty/cac:Party")
_BUYERS = ("cac:BuyerCustomerParty/cac:Party", "cac:DeliveryCustomerParty/cac:Party")
_CARRIERS = (
    "cac:Shipment/cac:Consignment/cac:CarrierParty",
    "cac:Shipment/cac:ShipmentStage/cac:CarrierParty",
)


class Goods(NamedTuple):
    """What an advice says, under the names of its operation; the parties are not looked up yet."""

    operation: Operation
    supplier: Party | None
    buyer: Party | None
    carrier: Party | None
    notes: tuple[str, ...]


def read_advice(data: bytes, context: ImportContext, problems: Problems) -> Outcome:
    """The operation that records the file's despatch or receipt."""
    try:
        root = parse_xml(data)
        reader = _Reader(root)
        goods = reader.despatch() if reader.is_despatch else reader.receipt()
    except ImportProblem as problem:
        problems.add(problem)
        return NOTHING
    for found in reader.problems:
        problems.add(found)
    try:
        entry, notes = _entry(reader, goods, context)
    except ImportProblem as problem:
        problems.add(problem)
        return NOTHING
    if len(problems) or entry is None:
        return NOTHING
    if context.organisation not in ("", entry.signer):
        return Outcome((), 1, 0, 1, (f"{entry.signer} signs this document, not {context.organisation}",))
    return Outcome((entry,), 1, 0, 0, notes)


def _entry(reader: _Reader, goods: Goods, context: ImportContext) -> tuple[Entry | None, tuple[str, ...]]:
    """The operation with its parties; None where the document names none.

    Raises:
        ImportProblem: a party that is not found, or found twice; both are the same.
    """
    if goods.supplier is None or goods.buyer is None:
        return None, ()
    supplier = organisation_of(goods.supplier, "supplier", context.supplier, context)
    buyer = organisation_of(goods.buyer, "buyer", context.buyer, context)
    if supplier == buyer:
        place = goods.buyer.place
        raise ImportProblem(
            "same_party",
            "supplier and buyer are the same organisation",
            line=place.line,
            column=place.path,
            found=buyer,
            expected="another than the supplier",
        )
    operation, notes = dict(goods.operation), goods.notes
    if reader.is_despatch:
        operation["buyer"] = buyer
        carrier = _carrier(goods.carrier, context)
        if carrier:
            operation["carrier"] = carrier
        elif goods.carrier is not None:
            notes = (*notes, "the carrier is no organisation of this channel: left out")
    else:
        operation["supplier"] = supplier
    signer = supplier if reader.is_despatch else buyer
    return Entry(signer, operation["date"], operation, reader.root.sourceline or 0), notes


def _carrier(party: Party | None, context: ImportContext) -> str:
    """The organisation that carries; empty where the channel does not know it.

    Raises:
        ImportProblem: it may be several.
    """
    if party is None:
        return ""
    try:
        return context.directory.find(party.identifiers, party.names, "carrier")
    except ImportProblem as problem:
        if problem.code == "unknown_party":
            return ""
        raise problem.at("", party.place.line, party.place.path) from None


class _Reader(UblReader):
    """Reads either advice.

    Raises:
        ImportProblem: `not_advice`, it is neither.
    """

    def __init__(self, root: Element) -> None:
        super().__init__(root)
        if root.tag not in (DESPATCH, RECEIPT):
            raise ImportProblem(
                "not_advice",
                "neither a DespatchAdvice nor a ReceiptAdvice of UBL 2.1",
                line=root.sourceline or 0,
                column="/" + step_name(root.tag),
                found=str(root.tag),
                expected="DespatchAdvice or ReceiptAdvice in UBL's namespaces",
            )
        self.is_despatch = root.tag == DESPATCH
        self.line_name = "cac:DespatchLine" if self.is_despatch else "cac:ReceiptLine"
        self.lines = every(root, self.line_name)
        if not self.lines:
            self.missing(root, self.line_name, MISSING)

    def despatch(self) -> Goods:
        """What has left."""
        quantities: dict[str, int] = {}
        for line in self.lines:
            number = self._order_line(line)
            sent = self._units_of(line, "cbc:DeliveredQuantity", MISSING)
            if number and sent:
                quantities[number] = quantities.get(number, 0) + sent
        date, notes = self._day("cac:Shipment/cac:Delivery/cac:Despatch/cbc:ActualDespatchDate", "despatch")
        units, others = self._handling_units()
        operation: Operation = {
            "op": "shipment.dispatch",
            "shipment": self.identifier(self.root, "cbc:ID", MISSING),
            "order": self._one("order", "cac:OrderReference/cbc:ID", "cac:OrderLineReference/"),
            "date": date,
            "lines": tuple({"line": line, "quantity": sent} for line, sent in quantities.items()),
            "units": units,
        }
        scheduled = self._scheduled()
        if scheduled:
            operation["scheduled"] = scheduled
        if others:
            notes = (*notes, f"{others} handling units without an SSCC are left out")
        return self._goods(operation, notes)

    def receipt(self) -> Goods:
        """What has come, and what of it was rejected."""
        kept: dict[str, tuple[int, int]] = {}
        for line in self.lines:
            number = self._order_line(line)
            received = self._units_of(line, "cbc:ReceivedQuantity", MISSING)
            rejected = self._units_of(line, "cbc:RejectedQuantity", "")
            if rejected > received:
                self.add(
                    "quantity",
                    "more is rejected than was received",
                    first(line, "cbc:RejectedQuantity"),
                    found=str(rejected),
                    expected=f"at most {received}",
                )
            elif number and received:
                before = kept.get(number, (0, 0))
                kept[number] = (before[0] + received - rejected, before[1] + rejected)
        days = [day for line in self.lines if (day := self.date(line, "cbc:ReceivedDate", ""))]
        date, notes = self._day(
            "cac:Shipment/cac:Delivery/cbc:ActualDeliveryDate", "receipt", max(days, default="")
        )
        operation: Operation = {
            "op": "goods.receive",
            "shipment": self._one(
                "despatch advice", "cac:DespatchDocumentReference/cbc:ID", "cac:DespatchLineReference/"
            ),
            "date": date,
            "lines": tuple(
                {"line": line, "accepted": accepted, "rejected": rejected}
                for line, (accepted, rejected) in kept.items()
            ),
        }
        return self._goods(operation, notes)

    def _goods(self, operation: Operation, notes: tuple[str, ...]) -> Goods:
        carriers = (element for path in _CARRIERS for element in every(self.root, path))
        carrier = next(carriers, None)
        return Goods(
            operation,
            self._party(_SUPPLIERS),
            self._party(_BUYERS),
            None if carrier is None else self.party(carrier),
            notes,
        )

    def _party(self, paths: tuple[str, ...]) -> Party | None:
        """The first party that is named; whose goods they are stands before who handles them."""
        found = next((element for path in paths for element in every(self.root, path)), None)
        if found is None:
            self.missing(self.root, paths[-1], MISSING)
            return None
        return self.party(found)

    def _order_line(self, line: Element) -> str:
        return self.required_text(line, "cac:OrderLineReference/cbc:LineID", MISSING)

    def _units_of(self, line: Element, path: str, rule: str) -> int:
        """Whole units from zero; 0 where the line says none, or something else."""
        quantity = self.number(line, path, rule)
        if quantity is None:
            return 0
        if quantity < 0 or quantity.denominator != 1:
            self.add(
                "quantity",
                "not whole units",
                first(line, path),
                found=self.optional_text(line, path),
                expected="a whole number from 0",
            )
            return 0
        return int(quantity)

    def _one(self, what: str, path: str, of_line: str) -> str:
        """The one document that head and lines refer to."""
        references = [self.text(found) for found in every(self.root, path)]
        within = "cac:OrderReference/cbc:ID" if self.is_despatch else "cac:DocumentReference/cbc:ID"
        for line in self.lines:
            references += [self.text(found) for found in every(line, of_line + within)]
        named = tuple(dict.fromkeys(text for text in references if text))
        if not named:
            self.missing(self.root, path, MISSING)
            return ""
        if len(named) > 1:
            self.add(
                "several_documents",
                f"the lines are of more than one {what}",
                first(self.root, path),
                found=", ".join(named),
                expected=f"one {what}, as a shipment on the ledger has",
            )
            return ""
        try:
            return checked_identifier(named[0], path)
        except TallyError as error:
            self.add(
                error.code, error.message, first(self.root, path), found=named[0], expected=error.expected
            )
            return ""

    def _day(self, path: str, what: str, said: str = "") -> tuple[str, tuple[str, ...]]:
        """The day of what happened, else that of the document, and a note then."""
        issued = self.date(self.root, "cbc:IssueDate", MISSING)
        found = said or self.date(self.root, path, "")
        return (found, ()) if found else (issued, (f"day of {what} from the day of issue",))

    def _scheduled(self) -> str:
        """The day of delivery that was agreed; empty if the document names none."""
        for period in ("PromisedDeliveryPeriod", "RequestedDeliveryPeriod"):
            day = self.date(self.root, f"cac:Shipment/cac:Delivery/cac:{period}/cbc:EndDate", "")
            if day:
                return day
        return ""

    def _handling_units(self) -> tuple[tuple[str, ...], int]:
        """SSCCs in their canonical form, and how many units have another identifier."""
        places = every(self.root, "cac:Shipment/cac:TransportHandlingUnit/cbc:ID")
        for line in self.lines:
            places += every(line, "cac:Shipment/cac:TransportHandlingUnit/cbc:ID")
        units: dict[str, None] = {}
        others = 0
        for element in places:
            text = self.text(element)
            unit = canonical_unit(text)
            digits = text.replace(" ", "")
            if unit is not None:
                units[unit] = None
            elif digits.isdecimal() and len(digits) in _UNIT_DIGITS:
                self.add(
                    "shipment_unit",
                    "an SSCC whose check digit does not fit",
                    element,
                    found=text,
                    expected="18 digits, the last one by the rule of GS1",
                )
            else:
                others += 1
        return tuple(units), others
