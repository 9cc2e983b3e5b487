"""Definitions of regression tests, as people write them."""
from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.domain.errors import Invalid

INPUT_TYPES = frozenset({"file", "stdin", "udp"})
OUTPUT_TYPES = frozenset({"file", "null", "tcp", "cea708", "multiprogram", "stdout", "report"})
COMMAND_LENGTH = 500

_EXTENSION = re.compile(r"\.[A-Za-z0-9_-]{1,30}(?:\.[A-Za-z0-9_-]{1,30})?")
_SUFFIX = re.compile(r"[A-Za-z0-9_.-]{0,100}")
_FORMAT = re.compile(r"--?out=([a-z0-9-]{1,20})")
DEFAULT_EXTENSION = ".srt"
# What the extractor calls the file of a format, where that is not the format's own name.
EXTENSIONS: Mapping[str, str] = {
    "txt": ".txt", "ttxt": ".txt", "report": ".txt", "webvtt": ".vtt", "webvtt-full": ".vtt", "sami": ".smi", "smptett": ".ttml",
    "spupng": ".xml", "curl": ".txt", "simplexml": ".xml"}


@dataclass(frozen=True, slots=True)
class NewOutput:
    """An output that a test is to produce: `extension` has its dot, `suffix` follows the sample's hash in the file's name."""

    extension: str
    suffix: str = ""
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A regression test that is to be made. `outputs` None leaves them to what its command says."""

    sample_id: int
    command: str
    categories: tuple[str, ...] = ()
    input_type: str = "file"
    output_type: str = "file"
    exit_code: int = 0
    description: str = ""
    active: bool = True
    outputs: tuple[NewOutput, ...] | None = None


@dataclass(frozen=True, slots=True)
class DefinitionEdit:
    """What is to be different about a regression test; None leaves a thing as it is."""

    command: str | None = None
    categories: tuple[str, ...] | None = None
    input_type: str | None = None
    output_type: str | None = None
    exit_code: int | None = None
    description: str | None = None
    active: bool | None = None


def command_fault(command: str) -> str | None:
    """What hinders a command from being split into words as a worker does, which has no shell; None for nothing."""
    if not command.isprintable():
        return "Must be one line of printable characters."
    try:
        shlex.split(command)
    except ValueError:
        return "Has an open quotation or escape."
    return None


def check_command(command: str) -> None:
    """Let pass a command that a worker can split into words. Raises Invalid."""
    fault = command_fault(command)
    if fault is not None:
        raise Invalid({"command": fault})


def outputs_fault(outputs: Iterable[NewOutput]) -> str | None:
    """What is wrong about the outputs of one test; None for nothing."""
    names = [f"{output.suffix}{output.extension}" for output in outputs]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        return "Two outputs have the same name."
    if any(_EXTENSION.fullmatch(each.extension) is None or _SUFFIX.fullmatch(each.suffix) is None for each in outputs):
        return "An output's extension or suffix cannot be part of a file's name."
    return None


def check_outputs(outputs: Iterable[NewOutput]) -> None:
    """Let pass outputs that differ in their names. Raises Invalid."""
    fault = outputs_fault(list(outputs))
    if fault is not None:
        raise Invalid({"outputs": fault})


def default_outputs(command: str, output_type: str) -> tuple[NewOutput, ...]:
    """The outputs of a test of which nobody said any: the file that the extractor makes of this command, or none."""
    named = _FORMAT.search(command)
    wanted = named.group(1) if named else ""
    if output_type in ("null", "tcp") or wanted == "null":
        return ()
    if output_type == "report":
        return (NewOutput(".txt"),)
    return (NewOutput(EXTENSIONS.get(wanted, f".{wanted}" if wanted else DEFAULT_EXTENSION)),)
