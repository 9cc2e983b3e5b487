"""The facts of an output: everything that is different between it and its baseline, in words that are the same for one cause."""
from __future__ import annotations

from collections.abc import Callable, Iterator

from api.domain.captions.byte_facts import Written, byte_facts, end_fact, first_difference, is_equal_but_for_end
from api.domain.captions.comparison import aligned, captions_facts, compared, read_both
from api.domain.captions.cue_facts import Paired
from api.domain.captions.fact import Fact
from api.domain.captions.formats.raw import MAGIC, read_raw
from api.domain.captions.pruning import pruned
from api.domain.results.failure_code import FailureCode, FailureType
from api.domain.text.decoding import is_binary

# Facts that an older version told are told anew.
FACTS_VERSION = 2
# Of longer files only so many bytes are looked at, and no longer than this many seconds.
BYTE_LIMIT = 1 << 20
SECONDS = 0.25
_OF_THE_OUTPUT = frozenset({FailureType.MISSING_OUTPUT, FailureType.DIFF_MISMATCH})

Clock = Callable[[], float]


def timeless() -> float:
    """A clock that stands still, for whom time does not matter."""
    return 0.0


def facts(
    expected: bytes, actual: bytes | None, code: FailureCode | None, whole: bool = False, *, clock: Clock = timeless,
) -> tuple[Fact, ...]:
    """What is different about an output. Never raises; empty only where both files are equal and `code` is None.

    None for `actual` is a file that never came. `code` says how the program ended; one that tells of the output alone counts as
    None. With `whole` weak facts are kept where strong ones explain them. `clock` gives seconds of the processor's time: when
    0.25 of them are over, what is known is returned with a fact `capped`, as of files that are longer than is looked at.
    """
    found: list[Fact] = []
    end = clock() + SECONDS
    for stage in _stages(expected, actual, code):
        found += stage
        if clock() > end:
            found.append(Fact("capped", "time"))
            break
    return tuple(found if whole else pruned(found))


def _stages(expected: bytes, actual: bytes | None, code: FailureCode | None) -> Iterator[list[Fact]]:
    """The facts, stage by stage; one begins when what the one before it found was taken."""
    crashed = code is not None and code.type not in _OF_THE_OUTPUT
    if code is not None and crashed:
        yield [Fact("exit", code.value)]
    if actual is None:
        yield [Fact("file.missing")]
    elif not actual and expected:
        yield [Fact("cues.none")]
    elif expected != actual and crashed and expected.startswith(actual):
        yield [Fact("file.cut", share=round(1 - len(actual) / len(expected), 4))]
    elif expected != actual:
        yield from _file_facts(expected, actual, crashed=crashed)


def _file_facts(expected: bytes, actual: bytes, *, crashed: bool) -> Iterator[list[Fact]]:
    """The facts of two files that are not equal; at least one."""
    left, right = expected[:BYTE_LIMIT], actual[:BYTE_LIMIT]
    is_capped, told = max(len(expected), len(actual)) > BYTE_LIMIT, False
    for stage in _of_files(left, right, is_capped=is_capped, crashed=crashed):
        told = told or bool(stage)
        yield stage
    if is_capped:
        yield [Fact("capped", "bytes")]
    elif not told:
        yield [Fact("other", first_difference(left, right))]


def _is_of_bytes(content: bytes) -> bool:
    return is_binary(content) or content.startswith(MAGIC)


def _of_files(expected: bytes, actual: bytes, *, is_capped: bool, crashed: bool) -> Iterator[list[Fact]]:
    if _is_of_bytes(expected) or _is_of_bytes(actual):
        yield from _of_binaries(expected, actual, is_capped=is_capped, crashed=crashed)
        return
    one, other = Written.of(expected), Written.of(actual)
    yield list(byte_facts(one, other))
    if not is_capped and not crashed and (ended := end_fact(one, other)):
        yield [ended]
    if one.lines != other.lines and (is_capped or crashed or not is_equal_but_for_end(one, other)):
        both = read_both(one.lines, other.lines, is_capped=is_capped, crashed=crashed)
        yield []
        yield from captions_facts(both)
        yield [Fact("capped", "cues")] if both.is_capped and not is_capped else []


def _of_binaries(expected: bytes, actual: bytes, *, is_capped: bool, crashed: bool) -> Iterator[list[Fact]]:
    raw = read_raw(expected), read_raw(actual)
    if raw[0] is not None and raw[1] is not None:
        yield from captions_facts(compared(raw[0], raw[1], len(raw[0].cues), is_capped=is_capped, crashed=crashed))
    elif expected != actual:
        size = (len(actual) > len(expected)) - (len(actual) < len(expected))
        yield [Fact("binary.other", ("same size", "longer", "shorter")[size])]


def paired_captions(expected: bytes, actual: bytes) -> Paired | None:
    """The cues of two files with their partners, as far as they are looked at; None where nobody reads them."""
    left, right = expected[:BYTE_LIMIT], actual[:BYTE_LIMIT]
    is_capped = max(len(expected), len(actual)) > BYTE_LIMIT
    if not _is_of_bytes(left) and not _is_of_bytes(right):
        return aligned(read_both(Written.of(left).lines, Written.of(right).lines, is_capped=is_capped, crashed=False))
    raw = read_raw(left), read_raw(right)
    if raw[0] is None or raw[1] is None:
        return None
    return aligned(compared(raw[0], raw[1], len(raw[0].cues), is_capped=is_capped, crashed=False))
