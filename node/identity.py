"""Who this node is: its key, its certificate and what the genesis block says about both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member
from ledger.proofs.handover import Followed
from node.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Identity:
    """A node that may speak and sign for itself."""

    node: str
    key: SigningKey
    certificate: bytes
    """DER."""

    @classmethod
    def load(cls, node: str, key_file: Path, certificate_file: Path) -> Identity:
        """Read key and certificate.

        Raises:
            KeyFileError: the key cannot be read.
            SettingsError: the certificate cannot be read, or is of another key.
        """
        key = SigningKey.load(key_file)
        try:
            certificate = node_certificate.from_pem(certificate_file.read_text(encoding="ascii"))
            certified = node_certificate.public_key(certificate)
        except OSError as error:
            raise SettingsError(
                f"cannot read {certificate_file}", field="certificate_file", found=error.strerror
            ) from None
        except (Malformed, UnicodeDecodeError) as error:
            raise SettingsError(
                f"no certificate in {certificate_file}", field="certificate_file", found=str(error)
            ) from None
        if certified != key.public:
            raise SettingsError(
                "the certificate is of another key",
                field="certificate_file",
                found=certified.hex(),
                expected=key.public.hex(),
            )
        return cls(node, key, certificate)

    def member_of(self, known: Followed) -> Member:
        """This node's entry in the newest membership that has it: one that was removed runs, and says so.

        Raises:
            SettingsError: never a member, or a member with another key.
        """
        member = known.member(self.node)
        if member is None:
            raise SettingsError(
                "this node is not a member of the channel",
                field="node",
                found=self.node,
                expected=", ".join(each.node for each in known.newest.members),
            )
        if member.key != self.key.public:
            raise SettingsError(
                "the channel has another key for this node",
                field="key_file",
                found=self.key.public.hex(),
                expected=member.key.hex(),
            )
        return member
