"""The Content-Disposition header of downloads: always an attachment, with a filename that is safe everywhere."""
from __future__ import annotations

import re
from urllib.parse import quote

EXACT_LENGTH = 300
UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


def content_disposition(filename: str) -> str:
    """The header of RFC 6266: a plain name that everybody reads, and where it differs the exact one in UTF-8."""
    plain = UNSAFE.sub("_", filename).lstrip(".") or "file"
    header = f'attachment; filename="{plain}"'
    exact = quote(filename.encode("utf-8", "replace"), safe="")
    # It becomes part of signed addresses, which have an end.
    if plain == filename or len(exact) > EXACT_LENGTH:
        return header
    return f"{header}; filename*=UTF-8''{exact}"
