"""What the worker's tests work on: a run and its regression tests, the store with their files, and an extractor."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.domain.runs.worker_suite import SuiteFile, SuiteTest
from api.worker.run_source import ClaimedRun

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "CCExtractor/ccextractor"
EXECUTABLE = "ccextractor"

EXTRACTOR = """
arguments = sys.argv[1:]
output = arguments[arguments.index('-o') + 1] if '-o' in arguments else None
source = sys.stdin.buffer if '-' in arguments else open(arguments[-1], 'rb')
text = source.read().upper()
print('extracting', flush=True)
if '--crash' in arguments:
    os.kill(os.getpid(), signal.SIGSEGV)
if '--hang' in arguments:
    open(os.path.join(os.environ['HOME'], 'hanging'), 'w').close()
    time.sleep(600)
if '--multi' in arguments:
    stem, extension = os.path.splitext(output)
    open(stem + '_2' + extension, 'wb').write(text[::-1])
if output and '--nothing' not in arguments:
    open(output, 'wb').write(text)
if '--stdout' in arguments:
    sys.stdout.buffer.write(text)
sys.exit(3 if '--three' in arguments else 0)
"""

MakeProgram = Callable[[str], Path]


@dataclass(frozen=True)
class Store:
    """What a server has for workers: samples by their hashes, and one executable. `temporary` is the worker's own."""

    folder: Path
    temporary: Path

    def sample(self, content: bytes) -> str:
        """Keep a sample; return its hash."""
        digest = sha256_of(content)
        (self.folder / digest).write_bytes(content)
        return digest

    def executable(self, program: Path) -> None:
        """Make a program the executable."""
        program.rename(self.folder / EXECUTABLE)


def sha256_of(content: bytes) -> str:
    """The hash by which a file is known."""
    return hashlib.sha256(content).hexdigest()


def a_claim(run_id: int = 7) -> ClaimedRun:
    """A run of the main repository at the commit that the tests use."""
    return ClaimedRun(run_id, f"run-{run_id}-1", "linux", REPOSITORY, COMMIT)


def a_test(
    regression_id: int = 1, *, command: str = "--out=srt", sample: str = "a" * 64, output_type: str = "file",
    input_type: str = "file", files: tuple[SuiteFile, ...] = (SuiteFile(11, "b" * 64, "out.srt"),), category: str = "DVB",
) -> SuiteTest:
    """A regression test with the outputs given."""
    return SuiteTest(regression_id, category, command, input_type, output_type, sample, f"{sample}.ts", files)
