"""The certificate that a node shows on its links: X.509 around its Ed25519 key, signed by itself.

Trust comes from the genesis block, which holds the certificate and the key; nothing in the
certificate but the key is believed. The default end of validity is the date that RFC 5280
section 4.1.2.5 gives to certificates without one: a calendar must never stop a ledger.
The same key and name always give the same bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.limits import MAX_CERTIFICATE_DER_BYTES

NO_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def issue(
    key: SigningKey, node: str, *, not_before: datetime = NO_BEGIN, not_after: datetime = NO_END
) -> bytes:
    """DER of a self-signed certificate for a node's key."""
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(sha256(key.public).digest()[:16], "big") | 1)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
    )
    der = builder.sign(private, None).public_bytes(Encoding.DER)
    assert len(der) <= MAX_CERTIFICATE_DER_BYTES, "a membership takes this certificate"
    return der


def public_key(der: bytes) -> bytes:
    """The 32-byte Ed25519 key in a certificate.

    Raises:
        Malformed: not a certificate, or one with another kind of key.
    """
    key = _read(der).public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise Malformed("certificate without an Ed25519 key", field="certificate", found=type(key).__name__)
    return key.public_bytes_raw()


def valid_until(der: bytes) -> datetime:
    """The end of validity that the certificate claims: shown to operators, never enforced.

    Raises:
        Malformed: not a certificate.
    """
    return _read(der).not_valid_after_utc


def to_pem(der: bytes) -> str:
    """The certificate as PEM text.

    Raises:
        Malformed: not a certificate.
    """
    return _read(der).public_bytes(Encoding.PEM).decode("ascii")


def from_pem(text: str) -> bytes:
    """DER of the first certificate in a PEM text.

    Raises:
        Malformed: no certificate in it.
    """
    try:
        return x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise Malformed("no PEM certificate", field="certificate", found=str(error)[:120]) from None


def _read(der: bytes) -> x509.Certificate:
    if len(der) > MAX_CERTIFICATE_DER_BYTES:
        raise Malformed("certificate too long", field="certificate", found=f"{len(der)} bytes")
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise Malformed("not an X.509 certificate", field="certificate", found=str(error)[:120]) from None
