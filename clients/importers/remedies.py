"""What to do about each problem of a file, by its code.

A problem whose place knows better brings its own remedy. What a document says wrong is mended where the
document comes from, so that the sender's books and the ledger say the same: an importer repairs nothing.
"""

from __future__ import annotations

REMEDIES: dict[str, str] = {
    # the file
    "file_unreadable": "Check the path and who may read the file.",
    "file_too_large": "Split the file.",
    "empty_file": "Export the file again from where it comes from.",
    "unknown_kind": "Say one of these kinds, or auto.",
    "ambiguous_kind": "Say which kind of file it is.",
    # CSV
    "not_utf8": 'Save the file as "CSV UTF-8".',
    "csv_syntax": "Close every quoted cell, and write a quote within one twice.",
    "header": "Give every column a name in the header line, or take the column out.",
    "missing_column": "Name the columns so in the header line, or say which kind of file it is.",
    "duplicate_column": "Rename one of the two columns, or take it out.",
    "too_many_columns": "Take out the columns that are not needed.",
    "too_many_rows": "Split the file.",
    "cell_count": "Put cells that contain the delimiter in double quotes.",
    "cell_too_long": "Shorten the cell; look for a quote that was not closed.",
    "missing_value": "Fill the cell in, or add the column; parties and currency can be given for the whole "
    "file instead: "
    "--supplier, --buyer, --bank, --currency.",
    "control_character": "Write the cell again, on one line.",
    "decimal_point": "Remove thousands separators, or do not declare decimal commas.",
    "decimal_comma": "Remove thousands separators, or declare that the file uses decimal commas.",
    "choice": "Write one of these words.",
    "line_number": "Number the lines of the document shortly, such as 1, 2, 3.",
    "line_value": "Correct quantity, price or value, or leave the value out.",
    "reason_too_long": "Shorten the reason; keep the details in a document of your own.",
    # JSON and EPCIS
    "not_json": "Export the events again as JSON; a text editor's changes may have broken it.",
    "doubled_name": "Keep the one of the two values that is right.",
    "not_epcis": "Export the events as EPCIS 2.0 in JSON, not as XML and not in another list.",
    "too_many_events": "Split the file, with all events of one shipment in one part.",
    "event_form": "Correct the event where it was captured, and export it again.",
    "event_type": "Write the type as EPCIS 2.0 spells it.",
    "event_time": "Export the time with its date and its offset from UTC.",
    "error_declared": "Take it out of the file; import the events that correct it.",
    "no_order": "Name the order in bizTransactionList.",
    "no_shipment": "Name the despatch advice in bizTransactionList.",
    "gln": "Name the party by its GLN, or give its id when importing.",
    "doubled_unit": "Take out the event that repeats it; a unit leaves and arrives once.",
    "doubled_epc": "Take out what repeats it; a piece leaves and arrives once.",
    "unknown_epc": "Correct the identifier; the last digit of a GTIN or an SSCC checks the others.",
    "unknown_contents": "Add the event that packs the unit, or the quantities in it, to the file.",
    "unknown_order": "Record the order first, or correct its number in the file.",
    "no_order_line": "Correct the identifier, or have the order amended to the item.",
    # PDF
    "pdf_damaged": "Ask the sender for the PDF again; it was cut or changed on its way.",
    "pdf_encrypted": "Ask the sender for a PDF without a password, as PDF/A is, or for the XML.",
    "pdf_limit": "Save the embedded XML with a PDF reader, and import that.",
    "pdf_no_invoice": "Ask the sender for Factur-X or ZUGFeRD, or for the XML; if there is none, "
    "submit the invoice by hand: tally invoice submit --document FILE.",
    "pdf_two_invoices": "Ask the sender which one holds, save it with a PDF reader, and import that.",
    # XML
    "xml_encoding": "Save the document as UTF-8.",
    "xml_forbidden": "Export the document without a DOCTYPE.",
    "xml_syntax": "Export the document again; it was cut or changed on its way.",
    "xml_too_deep": "Ask the sender for a document in the usual form.",
    "xml_too_many_elements": "Split the document.",
    "not_ubl": "Export it as UBL 2.1 or as a Cross Industry Invoice, or say which kind of file it is.",
    "not_cii": "Export it as a Cross Industry Invoice (Factur-X, ZUGFeRD 2), or say which kind it is.",
    "profile_without_lines": "Ask the sender for one of these profiles: this one only says what is posted.",
    "not_response": "Export it as a Peppol Invoice Response, or say which kind of file it is.",
    "not_advice": "Export it as a UBL 2.1 advice, or say which kind of file it is.",
    "not_camt": "Ask the bank for camt.053 or camt.054, or say which kind of file it is.",
    "document_type": "Record what this document says by hand; only the expected types are imported.",
    "charge_indicator": "Ask the sender for a document that says which of the two it is.",
    "repeated_term": "Ask the sender for a document that says it once.",
    "missing_term": "Ask the sender for a document that has the term.",
    "text_too_long": "Ask the sender for a document with a shorter text there.",
    "number": "Write the number in digits with a point, without separators of thousands.",
    "several_documents": "Split the document: one for each order or shipment.",
    "shipment_unit": "Correct the identifier; the last digit of an SSCC checks the others.",
    "nothing_due": "An invoice below zero is a credit note: import it as type 381.",
    "nothing_billed": "What only credits is a credit note: ask the sender for type 381.",
    "preceding_invoice": "Ask for one credit note for each invoice, which names it.",
    "due_date": "Ask the sender for the due date, or give the agreed term of payment: --term-days.",
    "unmatchable_line": "Import the invoice without its order if the order is not on the ledger.",
    "response_form": "Ask the buyer for a response in the form of Peppol, about one invoice.",
    "response_code": "Ask the buyer for a response with one of these codes.",
    "unknown_invoice": "Submit the invoice first, or correct its number in the response.",
    # statements of banks
    "bank": "Give the id of the bank when importing: --bank.",
    "account": "Ask the bank for a file that names the account of each report.",
    "entry_reference": "Ask the bank for its reference of the entry: without one it could be used twice.",
    "credit_or_debit": "Ask the bank for a file that says which way the money went.",
    # parties and documents
    "unknown_party": "Use the organisation's id, name or identifiers as the channel has them.",
    "ambiguous_party": "Give the organisation's id when importing.",
    "same_party": "Correct one of the two: nobody trades with itself here.",
    "contradiction": "Find out which of the two is right, and correct the other.",
    "duplicate_document": "Take out the second one, or give it a number of its own.",
    "duplicate_line": "Take out the second line, or give it a number of its own.",
    "too_many_lines": "Split the document into several with numbers of their own.",
    "due_before_issue": "Correct the day of issue or the due date.",
    "sum_mismatch": "Correct the amounts; a line of the document may be missing.",
    # values
    "identifier": "Use the number as its issuer wrote it, on one line.",
    "name": "Use the id as the ledger has it.",
    "date": "Write a day that there is, in the form that is expected.",
    "quantity": "Write a whole number of units.",
    "amount": "Write an amount in digits, without currency signs and separators of thousands.",
    "amount_digits": "Write the amount in whole minor units of its currency.",
    "amount_overflow": "Split the document; no one amount may be larger.",
    "negative_amount": "Write what is owed less as a credit note of its own.",
    "unknown_currency": "Use an ISO 4217 code in capitals, such as EUR.",
    "currency_mismatch": "Write every amount in the currency of the document, or split it by currency.",
    "too_many_problems": "Correct the listed lines and import again.",
}

OF_EN16931 = "br_"
"""What the codes of that standard's rules begin with: BR-02 is `br_02`."""


def remedy_of(code: str) -> str:
    """What to do about a problem of this code; empty for a code that the ledger alone knows."""
    if code.startswith(OF_EN16931):
        return "Ask the sender for a document that keeps this rule of EN 16931."
    return REMEDIES.get(code, "")
