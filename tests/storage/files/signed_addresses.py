"""Whether an address of the bucket is signed: Google's algorithm GOOG4-RSA-SHA256, from the side that checks."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE = "X-Goog-Signature"


def fault_of(url: str, host: str, key: RSAPublicKey, now: datetime | None = None) -> str | None:
    """What is wrong with the address; None for nothing."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    signature = query.pop(SIGNATURE, None)
    if signature is None:
        return "Anonymous caller does not have storage.objects.get access."
    canonical_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    request = "\n".join(["GET", parts.path, canonical_query, f"host:{host}", "", query["X-Goog-SignedHeaders"], "UNSIGNED-PAYLOAD"])
    scope = query["X-Goog-Credential"].partition("/")[2]
    signed = "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, sha256(request.encode()).hexdigest()])
    try:
        key.verify(bytes.fromhex(signature), signed.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return "The request signature we calculated does not match the signature you provided."
    return None if _is_in_time(query, now or datetime.now(UTC)) else "Request has expired."


def _is_in_time(query: dict[str, str], now: datetime) -> bool:
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return now < signed_at + timedelta(seconds=int(query["X-Goog-Expires"]))
