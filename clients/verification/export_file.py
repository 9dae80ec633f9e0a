"""Reading exports and extracts for disclosures: proved first, computed from afterwards, with no node."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from clients.errors import ProfileError
from clients.sdk.exports import PART_SUFFIX, checked
from clients.verification.auditor import no_ledger
from contracts import Contracts
from contracts.disclosure import scope as scopes
from contracts.disclosure.source import Collector, Source
from contracts.rules_in_force import RECORDED_UNDER, check_rules_known
from contracts.trade.relationship import party_key
from ledger import codec
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.chain.chain import Chain
from ledger.errors import Malformed, VerificationError
from ledger.proofs import export, extract
from ledger.storage.store import LEDGER_FOLDER, Store


@dataclass(frozen=True, slots=True)
class Proved:
    """What a file is proved to be."""

    certified: CertifiedHeader
    trust: GenesisBlock
    entries: int
    histories: int
    records: int
    scope: str = ""
    """Organisation to which it belongs; empty for a whole ledger."""

    @classmethod
    def of(cls, proved: export.ProvedExport) -> Proved:
        """Of a whole export."""
        return cls(proved.certified, proved.trust, proved.entries, proved.histories, proved.records)


def kind_of(path: Path) -> str:
    """ "export", "extract", or empty for another file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begins = file.read(max(len(export.MAGIC), len(extract.MAGIC)))
    for kind, magic in (("export", export.MAGIC), ("extract", extract.MAGIC)):
        if begins.startswith(magic):
            return kind
    return ""


def read_source(path: Path, genesis: GenesisBlock) -> tuple[Proved, Source]:
    """What an export or extract proves, and what disclosures are computed from.

    Raises:
        ProfileError: it cannot be read.
        Malformed: neither.
        VerificationError: it does not prove that it is everything, or everything of its scope, or it is of
            another contract version.
    """
    try:
        with path.open("rb") as file:
            if kind_of(path) == "extract":
                return _extracted(extract.verify(file, genesis))
            collector = Collector()
            proved = export.verify(file, genesis, collector)
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}", code="export_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    check_rules_known(proved.header, RECORDED_UNDER, "export")
    return Proved.of(proved), collector.source(proved.header.height, proved.header.time_ms)


def _extracted(proved: extract.ProvedExtract) -> tuple[Proved, Source]:
    check_rules_known(proved.certified.header, RECORDED_UNDER, "extract")
    party = scope_of(proved)
    scopes.check(party, proved.entries, proved.histories)
    collector = Collector()
    for key, value in sorted(proved.entries.items()):
        if value is not None:
            collector.entry(key, value)
    for key, records in sorted(proved.histories.items()):
        for record in records:
            collector.record(key, record)
    count = sum(len(records) for records in proved.histories.values())
    header = proved.certified.header
    shown = Proved(proved.certified, proved.trust, len(proved.entries), len(proved.histories), count, party)
    return shown, collector.source(header.height, header.time_ms, party)


def scope_of(proved: extract.ProvedExtract) -> str:
    """The organisation whose list of relationships is in an extract.

    Raises:
        VerificationError: it has none, or several.
    """
    parties = []
    for key in proved.entries:
        try:
            parts = codec.decode(key)
        except Malformed:
            continue
        if type(parts) is tuple and len(parts) == 2 and parts[0] == "party" and type(parts[1]) is str:
            parties.append(parts[1])
    if len(parties) != 1:
        raise VerificationError("not what belongs to one organisation", field="scope", found=len(parties))
    assert party_key(parties[0]) in proved.entries
    return str(parties[0])


def cut(whole: Path, genesis: GenesisBlock, party: str, out: Path) -> Proved:
    """Write the extract of an organisation, cut out of an export; what it is proved to be.

    Raises:
        ProfileError: the export cannot be read.
        Malformed, VerificationError: it does not prove itself.
        Refusal: no such organisation.
        OSError: the extract cannot be written.
    """
    kept = extract.Everything()
    try:
        with whole.open("rb") as file:
            proved = export.verify(file, genesis, kept)
    except OSError as error:
        raise ProfileError(
            f"cannot read {whole}", code="export_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    walked = scopes.Walked(kept.entries, kept.histories)
    scopes.walk(party, walked)
    with out.open("wb") as file:
        for piece in extract.cut(proved, kept, walked.keys, walked.whole):
            file.write(piece)
    return read_source(out, genesis)[0]


def from_disk(data: Path, genesis: GenesisBlock, out: Path) -> export.ProvedExport:
    """The export of a stopped node's ledger, at its applied height, in the file `out`.

    Raises:
        ProfileError: there is no ledger in the folder.
        StoreLocked: its node is running.
        StoreError: the disk does not hold what it held.
        NotCertified: no block of it is certified.
    """
    folder = data / LEDGER_FOLDER if (data / LEDGER_FOLDER).is_dir() else data
    if not (folder / "mark").exists():
        raise no_ledger(folder)
    store = Store.open(folder)
    part = out.with_name(out.name + PART_SUFFIX)
    try:
        chain = Chain.open(store, Contracts(), genesis.block.data)
        with closing(chain.pin()) as state, part.open("wb") as file:
            certified = chain.certified(state.height)
            for piece in export.frames(state, certified, chain.membership_chain()):
                file.write(piece)
        proved = checked(part, genesis)
        part.replace(out)
    finally:
        store.close()
        part.unlink(missing_ok=True)
    return proved
