"""Media types of outputs, by file extension."""
from __future__ import annotations

from collections.abc import Mapping

OCTETS = "application/octet-stream"
CONTENT_TYPES: Mapping[str, str] = {
    ".srt": "application/x-subrip", ".txt": "text/plain", ".xml": "application/xml", ".ttml": "application/ttml+xml",
    ".sami": "application/x-sami", ".smi": "application/x-sami", ".vtt": "text/vtt", ".webvtt": "text/vtt", ".ass": "text/x-ssa",
    ".ssa": "text/x-ssa", ".json": "application/json", ".log": "text/plain", ".csv": "text/csv", ".html": "text/html",
    ".png": "image/png",
}


def content_type_of(extension: str) -> str:
    """The media type of a file with this extension, given with its dot; of an unknown one, plain bytes."""
    return CONTENT_TYPES.get(extension.lower(), OCTETS)
