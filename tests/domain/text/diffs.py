"""Files to compare, and what stands outside: `git apply`, `patch`, and the reading of hunks."""
from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st

from api.domain.text.decoding import Encoding, decode_pair, encode_cp1252
from api.domain.text.diff import Difference, DiffHunk, difference, hunks_of, split_lines
from api.domain.text.edit_script import Change
from api.domain.text.exact_diff import exact_changes

NAME = "output.srt"

# Everything that has ever been taken for something else than a byte of a line: signs and headers of patches, line ends of
# others, bytes that end texts elsewhere, bytes of no UTF-8, and all five that cp1252 does not know.
PIECES = (
    b"a", b"b", b"--", b"++", b"-- a", b"++ b", b"--- a/x", b"+++ b/x", b"@@ -1 +1 @@", b"diff --git a/x b/x",
    b"\\ No newline at end of file", b" ", b"\t", b"\r", b"\f", b"\v", b"\0", b"\x1a", b"\x1c", b"\x85", b"caf\xe9",
    "café".encode(), "\u2028".encode(), "\u2029".encode(),
    "\ufeff".encode(), b"\x81\x8d\x8f\x90\x9d", b"\xff\xfe", b"", b"x" * 998)

lines = st.lists(st.sampled_from(PIECES), max_size=2).map(b"".join).filter(lambda line: len(line) <= 999)
utf8_lines = lines.filter(lambda line: _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(parts: Sequence[bytes], ended: bool) -> bytes:
    text = b"\n".join(parts)
    return text + b"\n" if ended and parts else text


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two files that have much in common."""
    of = draw(st.sampled_from([lines, utf8_lines]))
    before = draw(st.lists(of, max_size=30))
    after: list[bytes] = []
    for line in before:
        match draw(st.integers(0, 9)):
            case 0:
                continue
            case 1:
                after += [line, draw(of)]
            case 2:
                after.append(draw(of))
            case 3:
                after.append(line + b"\r")
            case _:
                after.append(line)
    return _joined(before, draw(st.booleans())), _joined(after, draw(st.booleans()))


def compared(expected: bytes, actual: bytes, context: int = 3, changes: list[Change] | None = None) -> tuple[Difference, Encoding]:
    """The difference of two files, by the exact changes unless others are given, and how they were read."""
    encoding, *texts = decode_pair(expected, actual)
    found = exact_changes(expected, actual) if changes is None else changes
    return difference(split_lines(texts[0]), split_lines(texts[1]), found, context), encoding


def encode_as(text: str, encoding: Encoding) -> bytes:
    """The bytes that `decode_pair` read."""
    return text.encode() if encoding is Encoding.UTF_8 else encode_cp1252(text)


def rebuilt(hunks: Sequence[DiffHunk], encoding: Encoding) -> bytes:
    """The unified text of hunks in structured form, headers of the file left out."""
    signs = {"context": " ", "removed": "-", "added": "+"}
    text = ""
    for hunk in hunks:
        expected = sum(line["kind"] != "added" for line in hunk["lines"])
        actual = sum(line["kind"] != "removed" for line in hunk["lines"])
        text += f"@@ -{_range(hunk['expected_start'], expected)} +{_range(hunk['actual_start'], actual)} @@\n"
        for line in hunk["lines"]:
            text += signs[line["kind"]] + line["text"] + "\n"
            text += "\\ No newline at end of file\n" if line.get("no_newline") else ""
    return encode_as(text, encoding)


def _range(start: int, count: int) -> str:
    return f"{start}" if count == 1 else f"{start},{count}"


def need(program: str) -> None:
    """Skip the test where a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def git_applied(folder: Path, expected: bytes, patch: bytes) -> bytes:
    """What `git apply` makes of a file."""
    return _applied(folder, expected, patch, ["git", "apply", "--whitespace=nowarn", "-"])


def patch_applied(folder: Path, expected: bytes, patch: bytes) -> bytes:
    """What `patch` makes of a file."""
    return _applied(folder, expected, patch, ["patch", "--binary", "--silent", "-p1"])


def _applied(folder: Path, expected: bytes, patch: bytes, command: list[str]) -> bytes:
    target = folder / NAME
    target.write_bytes(expected)
    app_context = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, input=patch, capture_output=True, env=app_context, check=False)
    assert done.returncode == 0, (done.stderr, done.stdout, patch)
    return target.read_bytes() if target.exists() else b""


def hunks(found: Difference) -> list[DiffHunk]:
    """All hunks."""
    return list(hunks_of(found))
