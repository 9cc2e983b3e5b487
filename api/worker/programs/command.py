"""The command line of a regression test, with its input and output."""
from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import REPORT, SuiteTest
from api.worker.run_error import TestRunError

NAMED_OUTPUTS = frozenset({"file", "cea708", "multiprogram"})
PROGRAM = "/program"
# A report is what the program prints; workers of others are told `file`, and our own knows better.
PRINTED_OUTPUTS = frozenset({"stdout", REPORT})


@dataclass(frozen=True)
class Invocation:
    """A program call, complete: no shell ever sees it.

    `stdin` is piped into the program; `stdout`, where given, receives its standard output, which goes to the log otherwise.
    `sender` is a program to run beside it, which feeds it over the network. `reads` is all that it needs outside its folder: what a
    sandbox shows it, read-only. `shown` says where the program finds its folder, or what it reads, where that is elsewhere than here.
    """

    arguments: tuple[str, ...]
    folder: Path
    log: Path
    stdin: Path | None = None
    stdout: Path | None = None
    sender: tuple[str, ...] | None = None
    reads: tuple[Path, ...] = ()
    shown: Mapping[Path, str] = field(default_factory=dict)

    def place_of(self, path: Path) -> str:
        """Where the program finds a file or folder of this host."""
        return self.shown.get(path, str(path))


@dataclass(frozen=True)
class SandboxPaths:
    """Where programs find samples and put what they produce, whichever host they run on, so that paths in outputs are always the same.

    They themselves lie in PROGRAM: their own place on the host may be below one of these.
    """

    samples: str
    outputs: str


@dataclass(frozen=True)
class Feed:
    """How a test's input is sent by UDP: the sending program and the port."""

    ffmpeg: Path
    port: int


def invocation(
    test: SuiteTest, executable: Path, sample: Path, folder: Path, log: Path, feed: Feed | None = None, places: SandboxPaths | None = None,
) -> Invocation:
    """Return how `test` is executed in `folder`, by the rules all workers share.

    `places` are for what can show a program another file system than the host's; without them it finds all where it is.

    Raises TestRunError for a command that cannot be split, and for a transport that this worker does not have.
    """
    if test.output_type == "tcp":
        raise _not_executable(test, InfrastructureCode.TRANSPORT_UNAVAILABLE, "its output goes over TCP, which this worker does not serve")
    if test.input_type == "udp" and feed is None:
        raise _not_executable(
            test, InfrastructureCode.TRANSPORT_UNAVAILABLE, "its input comes by UDP, and no ffmpeg is installed to send it")
    shown = {} if places is None else {
        executable: f"{PROGRAM}/{executable.name}", sample: f"{places.samples}/{sample.name}", folder: places.outputs}
    source, target = shown.get(sample, str(sample)), shown.get(folder, str(folder))
    arguments = [shown.get(executable, str(executable)), *_words(test), "--no-progress-bar"]
    if test.output_type in NAMED_OUTPUTS:
        arguments += ["-o", f"{target}/{test.files[0].name}"]
    if test.input_type == "file":
        arguments.append(source)
    if feed is not None and test.input_type == "udp":
        arguments += ["-udp", str(feed.port)]
    return Invocation(
        arguments=tuple(arguments),
        folder=folder,
        log=log,
        stdin=sample if test.input_type == "stdin" else None,
        stdout=folder / test.files[0].name if test.output_type in PRINTED_OUTPUTS else None,
        sender=_sender(feed, source) if feed is not None and test.input_type == "udp" else None,
        reads=(executable, sample),
        shown=shown,
    )


def _words(test: SuiteTest) -> list[str]:
    try:
        words = shlex.split(test.command)
    except ValueError as fault:
        raise _not_executable(test, InfrastructureCode.COMMAND_INVALID, "its command has an open quotation or escape") from fault
    if any("\0" in word for word in words):
        raise _not_executable(test, InfrastructureCode.COMMAND_INVALID, "its command holds a NUL character")
    return words


def _sender(feed: Feed, source: str) -> tuple[str, ...]:
    target = f"udp://127.0.0.1:{feed.port}"
    return (str(feed.ffmpeg), "-nostdin", "-re", "-i", source, "-loglevel", "quiet", "-codec", "copy", "-f", "mpegts", target)


def _not_executable(test: SuiteTest, code: InfrastructureCode, why: str) -> TestRunError:
    return TestRunError(code, f"Regression test {test.regression_id} cannot be executed: {why}.")
