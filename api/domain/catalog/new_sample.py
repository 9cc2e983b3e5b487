"""What may become a file of the library: its name, its extension, and what its first bytes say it is."""
from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from api.domain.errors import Invalid, Unprocessable
from api.domain.text.casefold import casefold_ascii

NAME_LENGTH = 255
# So many bytes at the beginning of a file tell its kind.
BEGINNING = 16

_EXTENSION = re.compile(r"[A-Za-z0-9_-]{1,10}")
_SEPARATOR = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class FileName:
    """A file's name, and its extension without the dot, empty where it has none."""

    name: str
    extension: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The extensions, without dots, and the media types that the library does not take."""

    extensions: Collection[str] = ()
    types: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class ProgramKind:
    """A kind of program: its first bytes, and the media types and extensions that stand for it."""

    beginning: bytes
    types: tuple[str, ...]
    extension: str


PROGRAMS = (
    ProgramKind(b"MZ", ("application/x-dosexec", "application/vnd.microsoft.portable-executable"), "exe"),
    ProgramKind(b"\x7fELF", ("application/x-executable", "application/x-pie-executable", "application/x-sharedlib"), "elf"),
    ProgramKind(b"#!", ("text/x-shellscript", "text/x-script.python", "text/x-perl"), "sh"),
    ProgramKind(b"<?php", ("text/x-php",), "php"))


def parse_file_name(text: str) -> FileName:
    """The name of a file that is sent in; of a path, its last part. Raises Invalid for what is no name, or has no usable extension."""
    name = _SEPARATOR.split(text)[-1].strip()
    if not _is_file_name(name):
        raise Invalid({"file": f"Must have a file name of 1 to {NAME_LENGTH} printable characters."})
    stem, _, extension = name.rpartition(".")
    if not stem:
        return FileName(name, "")
    if _EXTENSION.fullmatch(extension) is None:
        raise Invalid({"file": "Must have an extension of 1 to 10 letters, digits, hyphens or underscores, or none."})
    return FileName(name, extension)


def check_shown_name(name: str) -> None:
    """Let pass a name under which a sample may be shown: one that a file could have, and no path. Raises Invalid."""
    if not _is_file_name(name) or name != name.strip() or _SEPARATOR.search(name) is not None:
        raise Invalid({"name": f"Must be a file's name of 1 to {NAME_LENGTH} printable characters, without a path or blanks around it."})


def _is_file_name(name: str) -> bool:
    return bool(name.strip(".")) and name.isprintable() and len(name) <= NAME_LENGTH


def check_allowed(name: FileName, beginning: bytes, forbidden: Forbidden) -> None:
    """Let pass a file with this beginning whose name and content are not forbidden, in any case of letters. Raises Unprocessable."""
    extensions, types = ({casefold_ascii(each) for each in words} for words in (forbidden.extensions, forbidden.types))
    if casefold_ascii(name.extension) in extensions:
        raise Unprocessable("Files with this extension are not taken.", {"extension": name.extension}, remedy="Send a media file.")
    for kind in PROGRAMS:
        if beginning.startswith(kind.beginning) and (kind.extension in extensions or types.intersection(kind.types)):
            raise Unprocessable("Files of this kind are not taken.", {"media_type": kind.types[0]}, remedy="Send a media file.")
