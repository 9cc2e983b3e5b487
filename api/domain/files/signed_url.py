"""Signed URLs: what their signed part holds, so that a file can be fetched without a token for a while."""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from api.domain.auth.signing import SigningKey
from api.domain.errors import Forbidden, NotFound

PURPOSE = "download"
REMEDY = "Ask for the file's record again; it carries a new download_url."


class FileKind(StrEnum):
    """The kinds of stored files that an address may be given for; there is none for any other file."""

    SAMPLE = "sample"
    RESULT = "result"
    RUN_LOG = "run_log"
    ARTIFACT = "artifact"


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """The right to fetch one stored file of a kind until an instant, under a filename and media type that the server chose."""

    kind: FileKind
    name: str
    filename: str
    content_type: str
    expires_at: datetime

    def sealed(self, key: SigningKey) -> str:
        """The ticket as URL-safe text that cannot be changed without the key."""
        fields = [self.kind, self.name, self.filename, self.content_type, int(self.expires_at.timestamp())]
        return key.sign(PURPOSE, json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())


def read_signed_url(text: str, key: SigningKey, now: datetime) -> SignedUrl:
    """Read what `SignedUrl.sealed` wrote. Raises NotFound for anything else, Forbidden once the ticket is out of date."""
    content = key.read(PURPOSE, text)
    try:
        kind, name, filename, content_type, expires = json.loads(content or "[]")
        ticket = SignedUrl(FileKind(kind), name, filename, content_type, datetime.fromtimestamp(expires, UTC))
    except ValueError:
        # It was forged, or signed by a version of this server that wrote tickets in another way.
        raise NotFound("download", "ticket", remedy=REMEDY) from None
    if now >= ticket.expires_at:
        raise Forbidden("The address has expired.", {"expired_at": ticket.expires_at}, remedy=REMEDY)
    return ticket
