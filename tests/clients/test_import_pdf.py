"""E-invoices inside PDFs: Factur-X and ZUGFeRD are read as their XML is, and no PDF can do any harm."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import TextStringObject

from clients.importers import ImportContext, Imported, ImportProblem, import_bytes, import_file, limits, pdf

SAMPLES = Path(__file__).parent.parent / "data" / "xrechnung"
CII = (SAMPLES / "01.01a-INVOICE_uncefact.xml").read_bytes()
UBL = (SAMPLES / "01.01a-INVOICE_ubl.xml").read_bytes()
CONTEXT = ImportContext(supplier="seller", buyer="buyer", link_orders=False, term_days=30)

Attachments = Iterable[tuple[str, bytes]]


def written(writer: PdfWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_files(*files: tuple[str, bytes], password: str = "") -> bytes:
    """A PDF of one page with these embedded files, as writers of Factur-X make it."""
    writer = PdfWriter()
    writer.add_blank_page(width=595, height=842)
    for name, data in files:
        attachment = writer.add_attachment(name, data)
        attachment.alternative_name = TextStringObject(name)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    return written(writer)


def by_hand(catalog: str, *objects: bytes) -> bytes:
    """A PDF of these objects, the first of which is number 2; 1 is the catalog."""
    parts = [b"%PDF-1.7\n"]
    places = []
    for number, body in enumerate((f"<</Type/Catalog{catalog}>>".encode(), *objects), 1):
        places.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = sum(map(len, parts))
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
    parts += [b"%010d 00000 n \n" % place for place in places]
    parts.append(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start))
    return b"".join(parts)


def stream(data: bytes, filters: str = "/Filter/FlateDecode") -> bytes:
    return b"<</Type/EmbeddedFile%b/Length %d>>\nstream\n%b\nendstream" % (filters.encode(), len(data), data)


SPECIFICATION = b"<</Type/Filespec/F(factur-x.xml)/EF<</F 3 0 R>>>>"


def of(data: bytes, kind: str = "auto") -> Imported:
    return import_bytes(data, "file.pdf", kind, CONTEXT)


def refusal(data: bytes, kind: str = "auto") -> ImportProblem:
    found = of(data, kind)
    assert found.operations == ()
    (problem,) = found.errors
    assert problem.file == "file.pdf"
    assert problem.remedy
    assert str(problem).isprintable()
    return problem


@pytest.mark.parametrize("name", [*pdf.NAMES, "ZUGFeRD-invoice.xml", "Factur-X.xml"])
@pytest.mark.parametrize("kind", ["auto", "cii"])
def test_the_invoice_inside_is_read_as_its_xml_is_and_the_pdf_is_the_document(name: str, kind: str) -> None:
    data = with_files((name, CII))
    inside, alone = of(data, kind), import_bytes(CII, "file.xml", "cii", CONTEXT)
    assert inside.is_clean, [str(problem) for problem in inside.errors]
    assert inside.kind == "cii"
    assert inside.operations == ({**alone.operations[0], "document": sha256(data).digest()},)
    assert inside.summary.notes == (
        f"read from {name} inside the PDF; the ledger keeps the hash of the PDF",
        *alone.summary.notes,
    )


@pytest.mark.parametrize("kind", ["auto", "ubl"])
def test_an_invoice_inside_may_be_in_ubl(kind: str) -> None:
    found = of(with_files(("xrechnung.xml", UBL)), kind)
    assert (found.kind, len(found.operations), found.errors) == ("ubl", 1, ())


def test_what_is_wrong_inside_is_named_with_its_place_there() -> None:
    problem = refusal(
        with_files(("factur-x.xml", CII.replace(b"Amount>336.9</ram:Due", b"Amount>336.91</ram:Due")))
    )
    assert problem.code == "br_co_16"
    assert problem.column.startswith("/rsm:CrossIndustryInvoice/")
    assert problem.line > 0


def test_other_attachments_and_the_same_one_again_are_passed_over() -> None:
    others = [("hours.csv", b"a;b"), ("factur-x.xml.sig", b"x"), ("terms.pdf", b"%PDF-")]
    found = of(with_files(*others, ("factur-x.xml", CII), ("zugferd-invoice.xml", CII)))
    assert (len(found.operations), found.errors) == (1, ())


def test_an_invoice_that_only_an_associated_file_names_is_found() -> None:
    pdf_file = by_hand("/AF[2 0 R]", SPECIFICATION, stream(zlib.compress(CII)))
    assert len(of(pdf_file).operations) == 1


@pytest.mark.parametrize("depth", [1, 5])
def test_an_invoice_deep_in_the_tree_of_names_is_found(depth: int) -> None:
    nodes = [b"<</Kids[%d 0 R]>>" % (5 + step) for step in range(depth)]
    leaf = b"<</Limits[(factur-x.xml)(factur-x.xml)]/Names[(factur-x.xml) 2 0 R]>>"
    pdf_file = by_hand(
        "/Names<</EmbeddedFiles 4 0 R>>", SPECIFICATION, stream(zlib.compress(CII)), *nodes, leaf
    )
    assert len(of(pdf_file).operations) == 1


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], "no attachment"),
        ([("rechnung.xml", CII)], "rechnung.xml"),
        ([(f"{number}.csv", b"-") for number in range(7)], "0.csv, 1.csv, 2.csv, 3.csv, 4.csv, 2 more"),
    ],
)
def test_a_pdf_without_an_invoice_of_a_known_name_is_refused(files: Attachments, found: str) -> None:
    problem = refusal(with_files(*files))
    assert (problem.code, problem.found) == ("pdf_no_invoice", found)
    assert "factur-x.xml" in str(problem.expected)


def test_two_invoices_that_differ_are_refused() -> None:
    """Whoever shows the PDF may show either."""
    other = CII.replace(b"123456XX", b"123456XY")
    problem = refusal(with_files(("factur-x.xml", CII), ("zugferd-invoice.xml", other)))
    assert (problem.code, problem.found) == ("pdf_two_invoices", "factur-x.xml, zugferd-invoice.xml")


def test_an_encrypted_pdf_is_refused() -> None:
    assert refusal(with_files(("factur-x.xml", CII), password="secret")).code == "pdf_encrypted"


PROFILES = ["urn:factur-x.eu:1p0:minimum", "urn:factur-x.eu:1p0:basicwl", "urn:zugferd.de:2p0:MINIMUM"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_without_lines_is_refused_in_one_sentence(profile: str) -> None:
    text = CII.decode()
    named = text[text.index("urn:cen.eu:en16931") :].split("<", 1)[0]
    start, end = (
        text.index("<ram:IncludedSupplyChainTradeLineItem>"),
        text.rindex("</ram:IncludedSupplyChainTradeLineItem>"),
    )
    without = text[:start] + text[end + len("</ram:IncludedSupplyChainTradeLineItem>") :]
    problem = refusal(with_files(("factur-x.xml", without.replace(named, profile).encode())))
    assert (problem.code, problem.found) == ("profile_without_lines", profile)
    assert problem.column.endswith("ram:GuidelineSpecifiedDocumentContextParameter/ram:ID")
    assert "br_16" in {each.code for each in of(without.encode()).errors}, "another one has to have lines"


def test_zugferd_1_is_named_as_what_it_is_not() -> None:
    old = b'<rsm:CrossIndustryDocument xmlns:rsm="urn:ferd:CrossIndustryDocument:invoice:1p0"/>'
    problem = refusal(with_files(("ZUGFeRD-invoice.xml", old)))
    assert problem.code == "not_cii"
    assert "ZUGFeRD 2" in str(problem.remedy)


def test_an_embedded_file_is_an_invoice_and_nothing_else_that_can_be_imported() -> None:
    statement = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>'
    assert refusal(with_files(("factur-x.xml", statement))).code == "not_cii"


# Hostile files


def test_a_pdf_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "file.pdf"
    large.write_bytes(with_files(("factur-x.xml", CII)) + b"\0" * limits.MAX_PDF_BYTES)
    (problem,) = import_file(large, "auto", CONTEXT).errors
    assert problem.code == "file_too_large"
    assert "factur-x.xml" in str(problem.remedy)


def test_the_largest_pdf_with_the_largest_invoice_is_read() -> None:
    filler = b"<!--" + b" " * (limits.MAX_XML_BYTES - len(CII) - 7) + b"-->"
    whole = CII + filler
    assert len(whole) == limits.MAX_XML_BYTES
    data = with_files(("factur-x.xml", whole), ("photo.jpg", b"\xff" * (7 * 1_048_576)))
    assert pdf.embedded_invoice(data).data == whole


def bomb(begins: bytes, megabytes: int) -> bytes:
    packing = zlib.compressobj(9)
    parts = [packing.compress(begins), *(packing.compress(b" " * 1_048_576) for _ in range(megabytes))]
    return b"".join([*parts, packing.flush()])


@pytest.mark.parametrize(
    "content",
    [
        stream(zlib.compress(b" " * (limits.MAX_XML_BYTES + 1), 9)),
        stream(zlib.compress(bomb(CII, 300), 9), "/Filter[/FlateDecode/FlateDecode]"),
        stream(b"\x81 " * 8_000_000 + b"\x80", "/Filter/RunLengthDecode"),
    ],
    ids=["larger than XML may be", "a bomb in a bomb", "runs"],
)
def test_a_decompression_bomb_ends_at_a_bound(content: bytes) -> None:
    assert refusal(by_hand("/AF[2 0 R]", SPECIFICATION, content)).code == "pdf_limit"


def test_a_bomb_in_the_objects_ends_at_a_bound() -> None:
    """An object in a compressed stream of objects (ISO 32000-2, 7.5.7), found by a stream of references."""
    packed = bomb(b"4 0 [2 0 R]", 300)
    bodies = [
        b"<</Type/Catalog/AF 4 0 R>>",
        SPECIFICATION,
        stream(zlib.compress(CII)),
        b"",
        b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream"
        % (len(packed), packed),
    ]
    data, rows = b"%PDF-1.7\n", [(0, 0, 0)]
    for number, body in enumerate(bodies, 1):
        rows.append((1, len(data), 0) if body else (2, 5, 0))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body) if body else b""
    rows.append((1, len(data), 0))
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    data += (
        b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 1]/Root 1 0 R/Length %d>>\nstream\n%b\nendstream\nendobj\n"
        b"startxref\n%d\n%%%%EOF\n" % (len(table), table, len(data))
    )
    assert refusal(data).code == "pdf_limit"


CYCLES = {
    "kids of themselves": ("/Names<</EmbeddedFiles 2 0 R>>", [b"<</Kids[2 0 R 2 0 R]>>"]),
    "kids of each other": (
        "/Names<</EmbeddedFiles 2 0 R>>",
        [b"<</Kids[3 0 R 3 0 R]>>", b"<</Kids[2 0 R 2 0 R]>>"],
    ),
    "a reference to itself": ("/Names 2 0 R", [b"2 0 R"]),
    "references to each other": ("/AF 2 0 R", [b"3 0 R", b"2 0 R"]),
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_graph_that_goes_round_in_a_circle_ends(name: str) -> None:
    catalog, objects = CYCLES[name]
    assert refusal(by_hand(catalog, *objects)).code in ("pdf_limit", "pdf_damaged", "pdf_no_invoice")


def test_too_many_attachments_are_not_looked_through() -> None:
    pairs = b" ".join(b"(%d)<</F(%d)>>" % (number, number) for number in range(101))
    problem = refusal(by_hand("/Names<</EmbeddedFiles<</Names[" + pairs.decode() + "]>>>>"))
    assert (problem.code, problem.found) == ("pdf_limit", "more than 100 attachments")


def test_nesting_without_end_is_refused() -> None:
    assert refusal(by_hand("/AF" + "[" * 200_000)).code == "pdf_damaged"


DAMAGED = {
    "only a beginning": b"%PDF-1.7\n",
    "noise": b"%PDF-1.7\n" + bytes(range(256)) * 64,
    "no content": by_hand("/AF[2 0 R]", b"<</F(factur-x.xml)/EF<<>>>>"),
    "no files": by_hand("/AF[2 0 R]", b"<</F(factur-x.xml)/EF[]>>"),
    "content that is no stream": by_hand("/AF[2 0 R]", SPECIFICATION, b"(no stream)"),
    "an unknown filter": by_hand("/AF[2 0 R]", SPECIFICATION, stream(CII, "/Filter/Unheard")),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_pdf_is_refused(name: str) -> None:
    assert refusal(DAMAGED[name]).code == "pdf_damaged"


def test_an_invoice_that_was_cut_inside_the_pdf_is_not_read() -> None:
    cut = by_hand("/AF[2 0 R]", SPECIFICATION, stream(zlib.compress(CII)[:-200]))
    assert refusal(cut).code == "xml_syntax"


def test_a_table_of_places_that_is_off_costs_nothing_but_time() -> None:
    """A PDF that passed through a mail gateway: its objects are found without the table, all or none."""
    whole = with_files(("factur-x.xml", CII))
    start = whole.rindex(b"startxref")
    assert len(of(whole[:start] + b"startxref\n7\n%%EOF\n").operations) == 1
    assert len(of(whole.replace(b"%PDF-1.3\n", b"%PDF-1.3\n%" + b"x" * 80 + b"\n", 1)).operations) == 1


def test_the_last_revision_of_a_pdf_holds() -> None:
    """ISO 32000-2, 7.5.6: what is appended replaces what was there."""
    first = by_hand("/AF[2 0 R]", SPECIFICATION, stream(CII, ""))
    other = stream(CII.replace(b"123456XX", b"123456XY"), "")
    place, before = len(first), int(first.split(b"startxref\n")[1].split()[0])
    section = b"3 0 obj\n%b\nendobj\n" % other
    trailer = b"xref\n3 1\n%010d 00000 n \ntrailer\n<</Size 4/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    revised = first + section + trailer % (place, before, place + len(section))
    assert [of(each).operations[0]["invoice"] for each in (first, revised)] == ["123456XX", "123456XY"]


def test_reading_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PDF_WAIT_S", 0.01)
    assert refusal(with_files(("factur-x.xml", CII))).code == "pdf_limit"


def test_reading_that_takes_too_much_of_the_processor_or_memory_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = with_files(("factur-x.xml", CII + b" " * 7_000_000))
    monkeypatch.setattr(pdf, "MAX_PDF_CPU_S", 0)
    assert refusal(data).code == "pdf_limit"
    monkeypatch.setattr(pdf, "MAX_PDF_CPU_S", 10)
    monkeypatch.setattr(pdf, "MAX_PDF_MEMORY_BYTES", 8 * 1_048_576)
    assert refusal(data).code == "pdf_limit"


SMALL = with_files(("factur-x.xml", b"<a/>"))
edits = st.lists(
    st.tuples(
        st.integers(0, len(SMALL)),
        st.integers(0, 30),
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from(
                [b"<<", b">>", b"[", b"]", b"1 0 R", b"endobj", b"stream\n", b"/Kids", b"9" * 30]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(changes=edits)
@settings(max_examples=15, deadline=None)
def test_a_damaged_pdf_is_answered_with_a_problem_whatever_is_wrong(
    changes: list[tuple[int, int, bytes]],
) -> None:
    data = SMALL
    for place, length, splice in changes:
        data = data[:place] + splice + data[place + length :]
    for problem in import_bytes(data, "file.pdf", "cii", CONTEXT).errors:
        assert problem.remedy


def test_only_a_pdf_loads_the_library_and_not_even_that_here() -> None:
    """The commands start as fast as before."""
    script = (
        "import sys; from clients.importers import import_bytes; import clients.cli.main;"
        "found = import_bytes(sys.stdin.buffer.read(), 'file.pdf');"
        "assert found.kind == 'cii', found; assert 'pypdf' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], input=with_files(("factur-x.xml", CII)), check=True)
