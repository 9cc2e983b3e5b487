"""What the worker's tests work on: a run and its regression tests, the store with their files, and an extractor."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.domain.runs.worker_suite import SuiteFile, SuiteTest, suite_files
from api.worker.options import Folders
from api.worker.run_source import ClaimedRun

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "CCExtractor/ccextractor"
TOKEN = "T" * 64

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
    """A file store with the executables folder and the temporary folder beside it."""

    folders: Folders

    def sample(self, content: bytes, extension: str = ".ts") -> str:
        """Keep a sample; return its name."""
        return _keep(self.folders.samples, content, extension)

    def baseline(self, content: bytes, extension: str = ".srt") -> str:
        """Keep a baseline; return its name."""
        return _keep(self.folders.baselines, content, extension)

    def suite(self, run_id: int, tests: Sequence[SuiteTest]) -> None:
        """Write a run's suite."""
        folder = self.folders.suite("linux", run_id)
        folder.mkdir(parents=True)
        for name, content in suite_files(tests).items():
            (folder / name).write_bytes(content)

    def executable(self, program: Path) -> None:
        """Make a program the executable of the commit that the tests use."""
        place = self.folders.executables / REPOSITORY / "linux" / COMMIT / "ccextractor"
        place.parent.mkdir(parents=True)
        program.rename(place)


def a_claim(run_id: int = 7) -> ClaimedRun:
    """A run of the main repository at the commit that the tests use."""
    return ClaimedRun(run_id, TOKEN, f"lease-{run_id}", "linux", REPOSITORY, COMMIT)


def a_test(
    regression_id: int = 1, *, command: str = "--out=srt", input_file: str = "sample.ts", output_type: str = "file",
    input_type: str = "file", files: tuple[SuiteFile, ...] = (SuiteFile(11, "baseline.srt", "out.srt"),), category: str = "DVB",
) -> SuiteTest:
    """A regression test with the outputs given."""
    return SuiteTest(regression_id, category, command, input_type, input_file, output_type, files)


def _keep(folder: Path, content: bytes, extension: str) -> str:
    name = hashlib.sha256(content).hexdigest() + extension
    (folder / name).write_bytes(content)
    return name
