"""Reads a library's folder, which is not trusted: everything that is wrong with it is told at once."""
from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from api.domain.catalog.definition import COMMAND_LENGTH, INPUT_TYPES, OUTPUT_TYPES
from api.domain.catalog.library_file import FILE_NAME, LibraryFile, library_faults, read_library
from api.domain.catalog.new_sample import BEGINNING, Forbidden, check_allowed, check_shown_name, parse_file_name
from api.domain.errors import Invalid, Refusal

MAX_BYTES = 16 << 20
FAULTS = 100
PIECE = 4 << 20

_NAME = {"type": "string", "minLength": 1, "maxLength": 64}
_PATH = {"type": "string", "minLength": 1, "maxLength": 500}


def _closed(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


def _list(items: Mapping[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "maxItems": most, "items": items}


_LABEL = _closed(("name",), name=_NAME, description={"type": "string", "maxLength": 1024})
_OUTPUT = _closed(
    ("extension",), extension={"type": "string", "maxLength": 62}, suffix={"type": "string", "maxLength": 100}, ignored={"type": "boolean"},
    baseline=_PATH, variants=_list(_PATH, 100))
_TEST = _closed(
    ("sample", "command"), sample=_PATH, command={"type": "string", "maxLength": COMMAND_LENGTH}, categories=_list(_NAME, 50),
    input_type={"enum": sorted(INPUT_TYPES)}, output_type={"enum": sorted(OUTPUT_TYPES)},
    expected_exit_code={"type": "integer", "minimum": -2**31, "maximum": 2**31 - 1},
    description={"type": "string", "maxLength": 1024}, active={"type": "boolean"}, outputs=_list(_OUTPUT, 100))
_SAMPLE = _closed(
    ("file",), file=_PATH, name={"type": "string", "minLength": 1, "maxLength": 255}, tags=_list(_NAME, 50),
    notes={"type": "string", "maxLength": 1000})
SCHEMA = _closed(
    (), tags=_list(_LABEL, 10_000), categories=_list(_LABEL, 10_000), samples=_list(_SAMPLE, 100_000),
    regression_tests=_list(_TEST, 100_000))


class LibraryFaults(Exception):
    """What is wrong with a library's folder, fault by fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Folder:
    """A library and where its files lie: by the path that names each, its place and its SHA-256 (hex)."""

    library: LibraryFile
    places: Mapping[str, Path]
    digests: Mapping[str, str]


class _Loader(yaml.SafeLoader):
    """Reads plain YAML: no key twice, and no aliases, by which a small file could become an endless one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not read", None)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is no plain word", node.start_mark)
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(None, None, "a key stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_folder(root: Path, forbidden: Forbidden, tags: list[str], categories: list[str]) -> Folder:
    """The library of a folder. Raises LibraryFaults. `tags` and `categories` are there already, and need not be defined."""
    content = _content(root / FILE_NAME)
    faults = [f"{error.json_path.removeprefix('$').lstrip('.') or 'the file'}: {error.message[:300]}"
              for error in Draft202012Validator(SCHEMA).iter_errors(content)]
    if faults:
        # What has another form means nothing that could be looked at.
        raise LibraryFaults(_bounded(faults))
    library = read_library(content)
    faults = [*library_faults(content, tags, categories), *_name_faults(library)]
    places: dict[str, Path] = {}
    for path in library.paths:
        place = _place(root, path)
        if isinstance(place, str):
            faults.append(f"{path!r}: {place}")
        else:
            places[path] = place
    digests = {path: _digest(place) for path, place in places.items()}
    faults += _content_faults(library, places, digests, forbidden)
    if faults:
        raise LibraryFaults(_bounded(faults))
    return Folder(library, places, digests)


def _bounded(faults: list[str]) -> list[str]:
    left = len(faults) - FAULTS
    return [*faults[:FAULTS], f"and {left} more"] if left > 0 else faults


def _content(file: Path) -> Any:
    try:
        if file.exists() and not file.is_file():
            # A pipe or a device may have no end.
            raise LibraryFaults([f"{FILE_NAME} is no file"])
        if file.stat().st_size > MAX_BYTES:
            raise LibraryFaults([f"{FILE_NAME} is larger than {MAX_BYTES} bytes"])
        content = yaml.load(file.read_bytes(), _Loader)
        _check_values(content)
    except OSError as fault:
        raise LibraryFaults([f"{FILE_NAME}: {fault.strerror}"]) from fault
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        raise LibraryFaults([f"{FILE_NAME} is no plain YAML: {' '.join(str(wrong).split())[:300]}"]) from wrong
    return {} if content is None else content


def _check_values(content: Any) -> None:
    """Let pass what can be written down. Raises ValueError for half a character and for a number without end, which YAML can name."""
    if isinstance(content, str):
        content.encode()
    elif isinstance(content, int) and content.bit_length() > 64:
        raise ValueError("a number has more than 64 bits")
    elif isinstance(content, Mapping):
        for name, value in content.items():
            _check_values(name)
            _check_values(value)
    elif isinstance(content, list):
        for each in content:
            _check_values(each)


def _place(root: Path, path: str) -> Path | str:
    """The file that a path names; what is wrong with it, for one that leads out of the folder, or to no file."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        return "is no path of a file in the folder"
    place, folder = root / path, root.resolve()
    try:
        if not place.resolve(strict=True).is_relative_to(folder):
            return "leads out of the folder"
        return place if place.is_file() else "is no file"
    except OSError as fault:
        return fault.strerror or "cannot be read"
    except RuntimeError:
        return "is a link that leads to itself"


def _name_faults(library: LibraryFile) -> Iterator[str]:
    for number, sample in enumerate(library.samples):
        try:
            parse_file_name(sample.name)
            check_shown_name(sample.name)
        except Invalid:
            yield f"samples[{number}].name: {sample.name!r} is no name of a file"


def _content_faults(
    library: LibraryFile, places: Mapping[str, Path], digests: Mapping[str, str], forbidden: Forbidden,
) -> Iterator[str]:
    seen: dict[str, str] = {}
    for sample in library.samples:
        if sample.file not in places:
            continue
        first = seen.setdefault(digests[sample.file], sample.file)
        if first != sample.file:
            yield f"{sample.file!r}: has the same content as {first!r}"
        with places[sample.file].open("rb") as content:
            beginning = content.read(BEGINNING)
        try:
            if not beginning:
                yield f"{sample.file!r}: is empty"
            check_allowed(parse_file_name(sample.name), beginning, forbidden)
        except Invalid:
            # It is told among the names.
            continue
        except Refusal as refused:
            yield f"{sample.file!r}: {refused.message}"


def _digest(place: Path) -> str:
    with place.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
