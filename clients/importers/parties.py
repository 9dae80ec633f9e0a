"""Which organisation of the channel a document means.

A party in a business document has a name and identifiers under schemes (VAT, a GLN under
scheme 0088, a company number); the genesis gives each organisation an id and the same
kind of identifiers. Identifiers are tried first, in the order of the document, then the
name. Nothing is guessed: no match, or two, is a problem that says what was looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clients.importers.errors import ImportProblem

_SEPARATORS = re.compile(r"[\s.\-/]+")


@dataclass(frozen=True, slots=True)
class Directory:
    """Organisation ids by identifier and by name; empty means that any id is taken as it stands."""

    ids: frozenset[str] = frozenset()
    by_identifier: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    by_name: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def from_organisations(cls, organisations: Iterable[Mapping[str, Any]]) -> Directory:
        """From entries as in the genesis: {"id", "name", "lei", "identifiers": [[scheme, value], …]}."""
        ids: set[str] = set()
        identifiers: dict[tuple[str, str], set[str]] = {}
        names: dict[str, set[str]] = {}
        for organisation in organisations:
            identity = str(organisation["id"])
            ids.add(identity)
            names.setdefault(_plain(str(organisation.get("name", ""))), set()).add(identity)
            pairs = [(str(scheme), str(value)) for scheme, value in organisation.get("identifiers", ())]
            if organisation.get("lei"):
                pairs.append(("LEI", str(organisation["lei"])))
            for scheme, value in pairs:
                identifiers.setdefault((_scheme(scheme), _compact(value)), set()).add(identity)
        names.pop("", None)
        return cls(
            frozenset(ids),
            {key: frozenset(found) for key, found in identifiers.items()},
            {key: frozenset(found) for key, found in names.items()},
        )

    def checked_id(self, identity: str, role: str) -> str:
        """An id that a file gives outright, if the channel has it.

        Raises:
            ImportProblem: code `unknown_party`.
        """
        if self.ids and identity not in self.ids:
            raise ImportProblem(
                "unknown_party",
                f"the channel has no such {role}",
                found=identity,
                expected="one of " + _listed(self.ids),
                remedy="Use the organisation's id as `tally organisation list` shows it.",
            )
        return identity

    def find(self, identifiers: Iterable[tuple[str, str]], names: Iterable[str], role: str) -> str:
        """The id of the organisation that a document describes.

        Raises:
            ImportProblem: codes `unknown_party`, `ambiguous_party`.
        """
        pairs = list(identifiers)
        texts = [name for name in names if name]
        found = [
            self.by_identifier.get((_scheme(scheme), _compact(value)), frozenset()) for scheme, value in pairs
        ]
        named = [self.by_name.get(_plain(name), frozenset()) for name in texts]
        looked_for = ", ".join([f"{scheme} {value}" for scheme, value in pairs] + texts)
        candidates = next((match for match in found if match), None) or next(
            (match for match in named if match), None
        )
        if candidates is None:
            raise ImportProblem(
                "unknown_party",
                f"the {role} is not an organisation of this channel",
                found=looked_for,
                expected="identifiers or the name of an organisation in the genesis",
                remedy="Check the identifiers of the party, or give the organisation's id when importing.",
            )
        contradicting = frozenset.union(*(match for match in found if match)) if any(found) else candidates
        if len(candidates | contradicting) > 1:
            raise ImportProblem(
                "ambiguous_party",
                f"the {role} may be several organisations",
                found=looked_for,
                expected="one of " + _listed(candidates | contradicting),
            )
        return next(iter(candidates))


def _listed(ids: Iterable[str]) -> str:
    ordered = sorted(ids)
    return ", ".join(ordered[:8]) + (" …" if len(ordered) > 8 else "")


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _compact(value: str) -> str:
    """Identifiers are printed with and without dots, dashes and spaces; they mean the same."""
    return _SEPARATORS.sub("", value).upper()


def _scheme(scheme: str) -> str:
    upper = scheme.strip().upper()
    return {"0199": "LEI", "GLN": "0088", "": "NONE"}.get(upper, upper)
