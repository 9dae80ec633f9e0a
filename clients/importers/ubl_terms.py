"""What all documents of UBL 2.1 have in common: how they name a party."""

from __future__ import annotations

from clients.importers.en16931 import Party
from clients.importers.xml_document import Element, Place
from clients.importers.xml_terms import TermReader, every


class UblReader(TermReader):
    """Reads one document of UBL."""

    def party(self, element: Element) -> Party:
        """Identifiers and names of a party, none of which it must have."""
        identifiers = [
            (found.get("schemeID") or "", self.text(found))
            for step in (
                "cac:PartyIdentification/cbc:ID",
                "cac:PartyLegalEntity/cbc:CompanyID",
                "cbc:EndpointID",
            )
            for found in every(element, step)
        ]
        for scheme in every(element, "cac:PartyTaxScheme"):
            number = self.optional_text(scheme, "cbc:CompanyID")
            if number and self.optional_text(scheme, "cac:TaxScheme/cbc:ID").upper() == "VAT":
                identifiers.append(("VAT", number))
        registered = self.optional_text(element, "cac:PartyLegalEntity/cbc:RegistrationName")
        traded = self.optional_text(element, "cac:PartyName/cbc:Name")
        names = tuple(dict.fromkeys(name for name in (registered, traded) if name))
        return Party(tuple(pair for pair in identifiers if pair[1]), names, Place(element))
