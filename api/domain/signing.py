"""The server's secret, and keys made from it: one for each purpose, so that what is signed for one is worth nothing for another."""
from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True)
class SigningKey:
    """A secret that all processes of a server share, and that outlives them."""

    secret: bytes = field(repr=False)

    def mac(self, purpose: str, content: bytes) -> bytes:
        """32 bytes that only who has the secret can make from this content for this purpose."""
        return hmac.digest(hmac.digest(self.secret, purpose.encode(), sha256), content, sha256)

    def is_mac(self, mac: bytes, purpose: str, content: bytes) -> bool:
        """Whether these bytes are the content's, told in constant time."""
        return hmac.compare_digest(self.mac(purpose, content), mac)
