"""Digests of a project's files, by which what was built of them is found again."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# A version is often read from a module by a regular expression, or by importing it; whatever holds one has this word in it.
VERSION = b"version"
# A longer module counts as a whole, unread.
MAX_MODULE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of ever more of a project: of the files that declare what is installed, of all that its build may depend on, of all files."""

    declaring: str
    building: str
    exact: str


def digests_of(declaring: Mapping[str, str], files: Mapping[str, tuple[int, int]], read: Callable[[str], bytes]) -> Digests:
    """The digests of a project, from the texts that declare, and the size and checksum of each file, by path.

    A build may depend on which files there are and on what stands in them, but not on what stands in modules of Python that hold
    no version, lie in folders, and are not named by what declares. `read` gives a file's content.
    """
    said = "\n".join(declaring.values())
    loose = {path: None if _is_beside_the_build(path, size, said, read) else [size, checksum] for path, (size, checksum) in files.items()}
    return Digests(_digest(declaring), _digest(loose), _digest(files))


def _is_beside_the_build(path: str, size: int, said: str, read: Callable[[str], bytes]) -> bool:
    folder, _, name = path.rpartition("/")
    stem, is_module, _ = name.rpartition(".py")
    if not folder or not is_module or not name.endswith(".py") or size > MAX_MODULE_BYTES:
        return False
    return (stem == "__init__" or stem not in said) and VERSION not in read(path).lower()


def _digest(values: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode(errors="surrogatepass")).hexdigest()
