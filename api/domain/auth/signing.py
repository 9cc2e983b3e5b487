"""The signing key. A signature made for one purpose is not valid for another."""
from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode


@dataclass(frozen=True)
class SigningKey:
    """A secret that all processes of a server share, and that outlives them.

    What was signed with one of the `previous` secrets is still known for ours; nothing is signed with them any more.
    """

    secret: bytes = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)

    def sign(self, purpose: str, content: bytes) -> str:
        """The content as URL-safe text, which only who has the secret can make for this purpose; anybody can read it."""
        return self._signer(purpose).sign(base64_encode(content)).decode()

    def read(self, purpose: str, text: str) -> bytes | None:
        """The content of a text that `sign` made for this purpose, told in constant time; None for any other text."""
        try:
            return base64_decode(self._signer(purpose).unsign(text))
        except (BadData, UnicodeEncodeError):
            return None

    def _signer(self, purpose: str) -> Signer:
        return Signer([*self.previous, self.secret], salt=purpose, key_derivation="hmac", digest_method=sha256)
