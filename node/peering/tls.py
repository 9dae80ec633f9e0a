"""Whom a link between nodes trusts: exactly the members' certificates, pinned, whatever their dates."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Protocol

from ledger.members.membership import Member

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl module does not name."""


class Members(Protocol):
    """Whom links are made with: a membership, or the members of several."""

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them."""
        ...

    def member(self, node: str, /) -> Member | None:
        """The one with this id."""
        ...


def tls_context(
    membership: Members, key_file: Path, certificate_file: Path, *, server: bool
) -> ssl.SSLContext:
    """A context that trusts exactly the members' certificates, whatever their dates.

    A server's context lets in who shows no certificate: a stranger, who is heard on one matter only
    (`introductions`). Who shows one must be a member.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_OPTIONAL if server else ssl.CERT_REQUIRED
    flags = int(ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST) | int(ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN)
    context.verify_flags = ssl.VerifyFlags(flags | _NO_CHECK_TIME)
    context.load_verify_locations(cadata=b"".join(member.certificate for member in membership.members))
    context.load_cert_chain(certificate_file, key_file)
    if server:
        context.num_tickets = 0
    return context


def stranger_context() -> ssl.SSLContext:
    """A client's context that shows nothing of itself and trusts nobody: what is said proves itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
