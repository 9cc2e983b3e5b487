"""MediaInfo XML for the demo's samples."""
from __future__ import annotations

from xml.etree import ElementTree

from api.demo.catalog import Sample


def media_info(sample: Sample, size: int) -> bytes:
    """A sample's XML; `size` is the file's, in bytes."""
    root = ElementTree.Element("MediaInfo", {"xmlns": "https://mediaarea.net/mediainfo", "version": "2.0"})
    _add(root, "creatingApplication", "ci-api demo")
    media = ElementTree.SubElement(root, "media", {"ref": sample.name})
    general = ElementTree.SubElement(media, "track", {"type": "General"})
    _add(general, "CompleteName", sample.name)
    _add(general, "FileSize", str(size))
    if sample.format:
        _add(general, "Format", sample.format)
        _add(general, "TextCount", str(len(sample.tracks)))
    for number, track in enumerate(sample.tracks, 1):
        text = ElementTree.SubElement(media, "track", {"type": "Text", "typeorder": str(number)})
        _add(text, "Format", track.format)
        if track.language:
            _add(text, "Language", track.language)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text
