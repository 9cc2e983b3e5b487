"""Tickets: what a signed address of this server stands for, so that a file can be fetched without a token, for a while."""
from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from api.domain.refusal import Forbidden, NotFound
from api.domain.signing import SigningKey

PURPOSE = "download"
REMEDY = "Ask for the file's record again; it carries a new download_url."


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to fetch one stored file until an instant, under a filename and media type that the server chose."""

    name: str
    filename: str
    content_type: str
    expires_at: datetime

    def sealed(self, key: SigningKey) -> str:
        """The ticket as URL-safe text that cannot be changed without the key."""
        fields = [self.name, self.filename, self.content_type, int(self.expires_at.timestamp())]
        content = _encoded(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())
        return f"{content}.{_encoded(key.mac(PURPOSE, content.encode()))}"


def read_ticket(text: str, key: SigningKey, now: datetime) -> Ticket:
    """Read what `Ticket.sealed` wrote. Raises NotFound for anything else, Forbidden once the ticket is out of date."""
    content, _, mac = text.partition(".")
    try:
        genuine = key.is_mac(_decoded(mac), PURPOSE, content.encode())
    except (ValueError, binascii.Error):
        genuine = False
    if not genuine:
        raise NotFound("download", "ticket", remedy=REMEDY)
    name, filename, content_type, expires = json.loads(_decoded(content))
    ticket = Ticket(name, filename, content_type, datetime.fromtimestamp(expires, UTC))
    if now >= ticket.expires_at:
        raise Forbidden("The address has expired.", {"expired_at": ticket.expires_at}, remedy=REMEDY)
    return ticket


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode((text + "=" * (-len(text) % 4)).encode(), altchars=b"-_", validate=True)
