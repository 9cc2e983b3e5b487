"""Parses MediaInfo's XML, which is not trusted."""
from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

SIZE_LIMIT = 1_048_576
DEPTH_LIMIT = 12
TRACK_LIMIT = 100
FIELD_LIMIT = 200
NAME_LENGTH = 100
TEXT_LENGTH = 1000

TRACK = "track"
# MediaInfo repeats the path under which it found the file, which is nobody's business; the file's name is.
PATHS = frozenset({"Complete_name", "CompleteName"})
FOLDERS = frozenset({"Folder_name", "FolderName"})

MediaInfo = dict[str, dict[str, str]]


class Unreadable(ValueError):
    """The text is not what MediaInfo writes, or is more than it ever would."""


@dataclass
class _Reader:
    """Collects the fields of each track, however deep they stand in it; the first of two of one name stays."""

    sections: MediaInfo = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    fields: dict[str, str] | None = None
    text: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        if len(self.path) > DEPTH_LIMIT:
            raise Unreadable("nested too deeply")
        self.text = []
        if name.lower() == TRACK and self.fields is None:
            self._add_section(attributes.get("type") or "Unknown")

    def end(self, name: str) -> None:
        self.path.pop()
        text = "".join(self.text).strip()
        self.text = []
        if name.lower() == TRACK:
            self.fields = None
        elif self.fields is not None and text and name not in FOLDERS:
            self._add_field(name[:NAME_LENGTH], text)

    def characters(self, text: str) -> None:
        self.text.append(text)

    def _add_section(self, kind: str) -> None:
        name = kind[:NAME_LENGTH]
        number = sum(each.partition(" #")[0] == name for each in self.sections) + 1
        if len(self.sections) >= TRACK_LIMIT:
            raise Unreadable("too many tracks")
        self.sections[name if number == 1 else f"{name} #{number}"] = self.fields = {}

    def _add_field(self, name: str, text: str) -> None:
        assert self.fields is not None
        if len(self.fields) >= FIELD_LIMIT:
            raise Unreadable("too many fields")
        shown = text.replace("\\", "/").rpartition("/")[2] if name in PATHS else text
        self.fields.setdefault(name, shown[:TEXT_LENGTH])


def parse_media_info(content: bytes) -> MediaInfo:
    """The fields that MediaInfo tells of each track, by section: `General`, `Video`, `Audio`, `Audio #2` and so on.

    Raises Unreadable for what is too big or too deep, is no XML, or brings a document type (and so entities) along.
    """
    if len(content) > SIZE_LIMIT:
        raise Unreadable("too big")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as wrong:
        raise Unreadable("not readable as MediaInfo's XML") from wrong
    if not reader.sections:
        raise Unreadable("no track in it")
    return reader.sections


def _refuse_doctype(*_: object) -> None:
    raise Unreadable("brings a document type")
