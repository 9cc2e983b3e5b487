"""Prepares the demo's files: stores media, writes executables, and makes baselines by running the extractor."""
from __future__ import annotations

import hashlib
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from api.demo import catalog
from api.demo.media_info import media_info
from api.demo.patch import patched
from api.domain.runs.worker_suite import SuiteFile, SuiteTest, presented
from api.storage.permissions import PRIVATE
from api.worker.command import invocation
from api.worker.process import Execution, Limits, run_process

PLATFORM = "linux"
REPOSITORY = "CCExtractor/ccextractor"

# The pull request that the last version is of, and the command of the test that it makes flaky.
PULL_REQUEST = 105
FLAKY_COMMAND = "--out=report"
# The module of the extractor that later versions change.
CHANGED = "writers.py"

_HERE = Path(__file__).parent
_PACKAGE = "api/demo/extractor"
# Modules of the packages that it lies in, which are empty there.
_PARENTS = ("api/__init__.py", "api/demo/__init__.py")


class BaselineFailed(Exception):
    """The good extractor did not do on this host what its test says."""


@dataclass(frozen=True)
class PreparedSample:
    """A sample in the store, as TestFiles/{sha256}{extension}, with its description, TestFiles/media/{sha256}.xml."""

    sha256: str
    extension: str
    original_name: str
    notes: str
    tags: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Its name in the store."""
        return f"{self.sha256}{self.extension}"


@dataclass(frozen=True)
class PreparedOutput:
    """An output with its baseline in the store, as TestResults/{correct}{correct_extension}; `expected_filename` is a suffix."""

    correct: str
    correct_extension: str
    expected_filename: str
    ignore: bool


@dataclass(frozen=True)
class PreparedTest:
    """A regression test with its baselines; `sample` is the sample's hash."""

    sample: str
    command: str
    category: str
    description: str
    input_type: str
    output_type: str
    exit_code: int
    outputs: tuple[PreparedOutput, ...]


@dataclass(frozen=True)
class Build:
    """A version of the extractor: its commit, what the commit says, its modules by name, and the pull request that it is of."""

    commit: str
    parent: str | None
    message: str
    source: Mapping[str, str]
    pull_request: int | None = None


@dataclass(frozen=True)
class Builds:
    """The commits that the demo runs: one that is right, its child, which breaks things, and two of that one's children: one that
    nobody built, and one of a pull request, which breaks another thing, and makes a test flaky.
    """

    good: Build
    regressed: Build
    unbuilt: Build
    proposed: Build


@dataclass(frozen=True)
class Demo:
    """All that the demo puts into a database, with its files in place."""

    samples: tuple[PreparedSample, ...]
    tags: tuple[tuple[str, str], ...]
    categories: tuple[tuple[str, str], ...]
    tests: tuple[PreparedTest, ...]
    builds: Builds
    repository: str = REPOSITORY
    platform: str = PLATFORM


def prepare(store: Path, executables: Path) -> Demo:
    """Write everything below `store` and `executables`; a second time changes nothing but what is missing.

    Raises BaselineFailed where the good extractor does not extract what it should.
    """
    made = builds()
    good = install(made.good, executables)
    for build in (made.regressed, made.proposed):
        install(build, executables)
    samples = {sample.name: _store_sample(sample, store / "TestFiles") for sample in catalog.SAMPLES}
    PRIVATE.make_folder(store / "TestResults")
    tests = tuple(_with_baselines(test, samples[test.sample], good, store) for test in catalog.TESTS)
    return Demo(tuple(samples.values()), tuple(catalog.TAGS.items()), tuple(catalog.CATEGORIES.items()), tests, made)


def builds() -> Builds:
    """Return all versions; a commit is the hash of its source and its parent, so that other code is another commit."""
    source = {path.name: path.read_text(encoding="utf-8") for path in sorted((_HERE / "extractor").glob("*.py"))}
    good = Build(_commit(source, None), None, "Extract captions of eight formats", source)
    changed = _changed(source, "regression.diff")
    message = "Count WebVTT times in seconds, clip overlapping cues, name tracks by language, ask the terminal for its width"
    regressed = Build(_commit(changed, good.commit), good.commit, message, changed)
    other = _changed(changed, "pull_request.diff")
    message = "End SubRip captions a frame early, and report how long it took"
    return Builds(
        good, regressed, Build(_commit({}, regressed.commit), regressed.commit, "Tidy up", {}),
        Build(_commit(other, regressed.commit), regressed.commit, message, other, PULL_REQUEST))


def _changed(source: Mapping[str, str], diff: str) -> dict[str, str]:
    return {**source, CHANGED: patched(source[CHANGED], (_HERE / diff).read_text(encoding="utf-8"))}


def install(build: Build, executables: Path) -> Path:
    """Write a version's executable to its place: its modules in one file, which Python executes."""
    place = executables / REPOSITORY / PLATFORM / build.commit / "ccextractor"
    archive = BytesIO()
    with ZipFile(archive, "w") as packed:
        for name, text in {**dict.fromkeys(_PARENTS, ""), **{f"{_PACKAGE}/{name}": text for name, text in build.source.items()}}.items():
            # Each with the same date, so that the same modules are the same file.
            packed.writestr(ZipInfo(name), text)
        packed.writestr(ZipInfo("__main__.py"), "import sys\nfrom api.demo.extractor.command import main\nsys.exit(main(sys.argv[1:]))\n")
    # A shell reads no further than the second line; Python looks for the archive at the end, whatever stands before it.
    start = f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS \"$0\" \"$@\"\n"
    _write(place, start.encode() + archive.getvalue(), 0o700)
    return place


def _commit(source: Mapping[str, str], parent: str | None) -> str:
    written = "".join(f"\n{name}\n{text}" for name, text in source.items())
    return hashlib.sha1(f"{parent or ''}{written}".encode(), usedforsecurity=False).hexdigest()


def _store_sample(sample: catalog.Sample, folder: Path) -> PreparedSample:
    content = (_HERE / "media" / sample.name).read_bytes()
    stored = PreparedSample(hashlib.sha256(content).hexdigest(), Path(sample.name).suffix, sample.name, sample.notes, sample.tags)
    _write(folder / stored.file_name, content, 0o600)
    _write(folder / "media" / f"{stored.sha256}.xml", media_info(sample, len(content)), 0o600)
    return stored


def _with_baselines(test: catalog.Test, sample: PreparedSample, executable: Path, store: Path) -> PreparedTest:
    files = tuple(
        SuiteFile(number, "", f"{sample.sha256}{output.suffix}{output.extension}", output.ignore)
        for number, output in enumerate(test.outputs, 1))
    [entry] = presented([SuiteTest(1, test.category, test.command, test.input_type, sample.file_name, test.output_type, files)])
    # As our own worker does, which knows that a report is printed.
    entry = replace(entry, output_type=test.output_type)
    with tempfile.TemporaryDirectory(prefix="ci-demo-") as temporary:
        folder = Path(temporary).resolve() / "work"
        folder.mkdir()
        log = folder.with_name("log")
        execution = _executed(entry, executable, store / "TestFiles" / sample.file_name, folder, log)
        if execution.exit_code != test.exit_code:
            said = log.read_text(errors="replace")[-500:]
            raise BaselineFailed(f"{test.sample} {test.command}: exit code {execution.exit_code}, not {test.exit_code}: {said}")
        outputs = tuple(
            _store_output(test, output, folder / file.expected, store / "TestResults")
            for output, file in zip(test.outputs, files, strict=True))
    return PreparedTest(
        sample.sha256, test.command, test.category, test.description, test.input_type, test.output_type, test.exit_code, outputs)


def _executed(entry: SuiteTest, executable: Path, sample: Path, folder: Path, log: Path) -> Execution:
    return run_process(invocation(entry, executable, sample, folder, log), Limits(seconds=60), stop=lambda: False)


def _store_output(test: catalog.Test, output: catalog.Output, produced: Path, results: Path) -> PreparedOutput:
    if not produced.is_file() and not output.ignore:
        raise BaselineFailed(f"{test.sample} {test.command}: no output {output.suffix}{output.extension}")
    content = produced.read_bytes() if produced.is_file() else b""
    digest = hashlib.sha256(content).hexdigest()
    _write(results / f"{digest}{output.extension}", content, 0o600)
    return PreparedOutput(digest, output.extension, output.suffix, output.ignore)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write in one step, so that a program that is being executed, or a file that is being read, is never half."""
    if path.is_file() and path.read_bytes() == content:
        return
    PRIVATE.make_folder(path.parent)
    partial_path = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(PRIVATE.open(partial_path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.write(content)
    partial_path.chmod(mode)
    partial_path.replace(path)
