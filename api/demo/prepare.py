"""Prepares the demo's files: stores media, writes executables, and makes baselines by running the extractor."""
from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from api.demo import catalog
from api.demo.media_info import media_info
from api.demo.patch import patched
from api.domain.runs.worker_suite import SuiteFile, SuiteTest, presented
from api.storage.permissions import PRIVATE
from api.worker.command import invocation
from api.worker.process import Execution, Limits, run_process

PLATFORM = "linux"
REPOSITORY = "CCExtractor/ccextractor"

_HERE = Path(__file__).parent


class ExtractorMissing(Exception):
    """There is no ffmpeg to extract captions with."""

    def __init__(self) -> None:
        super().__init__("The demo extracts captions with ffmpeg, and there is none: install the extra 'demo', or ffmpeg 7.")


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
    """A version of the extractor: its commit, what the commit says, and its source."""

    commit: str
    parent: str | None
    message: str
    source: str


@dataclass(frozen=True)
class Builds:
    """The commits that the demo runs: one that is right, its child, which breaks things, and a next one, which nobody built."""

    good: Build
    regressed: Build
    unbuilt: Build


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

    Raises ExtractorMissing without an ffmpeg, BaselineFailed where it does not extract what it should.
    """
    ffmpeg = find_ffmpeg()
    made = builds()
    good = install(made.good, executables, ffmpeg)
    install(made.regressed, executables, ffmpeg)
    samples = {sample.name: _store_sample(sample, store / "TestFiles") for sample in catalog.SAMPLES}
    PRIVATE.make_folder(store / "TestResults")
    tests = tuple(_with_baselines(test, samples[test.sample], good, store) for test in catalog.TESTS)
    return Demo(tuple(samples.values()), tuple(catalog.TAGS.items()), tuple(catalog.CATEGORIES.items()), tests, made)


def find_ffmpeg() -> Path:
    """Return an ffmpeg: the one that the extra `demo` brings, else the one that is installed."""
    carried = find_spec("imageio_ffmpeg")
    if carried is not None:
        try:
            return Path(import_module("imageio_ffmpeg").get_ffmpeg_exe())
        except RuntimeError:
            # The package has no program for this kind of machine.
            pass
    installed = shutil.which("ffmpeg")
    if installed is None:
        raise ExtractorMissing
    return Path(installed).resolve()


def builds() -> Builds:
    """Return both versions; a commit is the hash of its source and its parent, so that other code is another commit."""
    source = (_HERE / "extractor.py").read_text(encoding="utf-8")
    diff = (_HERE / "regression.diff").read_text(encoding="utf-8")
    good = Build(_commit(source, None), None, "Extract captions with ffmpeg", source)
    changed = patched(source, diff)
    message = "Count WebVTT times in seconds, clip overlapping cues, name tracks by language, ask the terminal for its width"
    regressed = Build(_commit(changed, good.commit), good.commit, message, changed)
    return Builds(good, regressed, Build(_commit("", regressed.commit), regressed.commit, "Tidy up", ""))


def install(build: Build, executables: Path, ffmpeg: Path) -> Path:
    """Write a version's executable to its place: its source, told which Python and which ffmpeg to use."""
    place = executables / REPOSITORY / PLATFORM / build.commit / "ccextractor"
    # The second line is a command to the shell and a string to Python, so that any path to it will do.
    start = f"#!/bin/sh\n''''exec {shlex.quote(sys.executable)} -IS \"$0\" \"$@\" #'''\n"
    _write(place, (start + build.source.replace('FFMPEG = "ffmpeg"', f"FFMPEG = {str(ffmpeg)!r}")).encode(), 0o700)
    return place


def _commit(source: str, parent: str | None) -> str:
    return hashlib.sha1(f"{parent or ''}\n{source}".encode(), usedforsecurity=False).hexdigest()


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
