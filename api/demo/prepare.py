"""Prepares the demo's files: a library's folder, with baselines that the extractor makes, and the extractor's versions."""
from __future__ import annotations

import hashlib
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import yaml

from api.demo import catalog
from api.demo.patch import patched
from api.domain.catalog.definition import NewOutput
from api.domain.catalog.library_file import FILE_NAME, FileOutput, FileSample, FileTest, LibraryFile, content_of
from api.domain.runs.worker_suite import UNCHECKED, SuiteFile, SuiteTest
from api.host.permissions import PRIVATE
from api.library_folder.exporting import BASELINES, SAMPLES
from api.worker.programs.command import invocation
from api.worker.programs.execution import Execution, Limits
from api.worker.programs.process import run_process

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
    """What the demo has: a library, whose folder can be imported, and versions of the program that it tests."""

    library: LibraryFile
    builds: Builds


def prepare(folder: Path, executables: Path) -> Demo:
    """Write the library into `folder` and the versions below `executables`; a second time changes nothing but what is missing.

    Raises BaselineFailed where the good extractor does not extract what it should.
    """
    made = builds()
    good = install(made.good, executables)
    for build in (made.regressed, made.proposed):
        install(build, executables)
    for sample in catalog.SAMPLES:
        _write(folder / SAMPLES / sample.name, (_HERE / "media" / sample.name).read_bytes(), 0o600)
    library = LibraryFile(
        catalog.TAGS, catalog.CATEGORIES,
        tuple(FileSample(f"{SAMPLES}/{each.name}", each.name, each.tags, each.notes) for each in catalog.SAMPLES),
        tuple(_with_baselines(test, good, folder) for test in catalog.TESTS))
    text = yaml.safe_dump(content_of(library), sort_keys=False, allow_unicode=True, width=120)
    _write(folder / FILE_NAME, text.encode(), 0o600)
    return Demo(library, made)


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


def _with_baselines(test: catalog.Test, executable: Path, folder: Path) -> FileTest:
    sample = folder / SAMPLES / test.sample
    files = tuple(
        SuiteFile(number, None, f"{sample.stem}{output.suffix}{output.extension}", output.ignore)
        for number, output in enumerate(test.outputs, 1))
    entry = SuiteTest(
        1, test.category, test.command, test.input_type, test.output_type, "", sample.name,
        files or (SuiteFile(None, None, UNCHECKED, ignored=True),))
    with tempfile.TemporaryDirectory(prefix="ci-demo-") as temporary:
        work = Path(temporary).resolve() / "work"
        work.mkdir()
        log = work.with_name("log")
        execution = _executed(entry, executable, sample, work, log)
        if execution.exit_code != test.exit_code:
            said = log.read_text(errors="replace")[-500:]
            raise BaselineFailed(f"{test.sample} {test.command}: exit code {execution.exit_code}, not {test.exit_code}: {said}")
        outputs = tuple(
            FileOutput(NewOutput(output.extension, output.suffix, output.ignore), _keep_output(test, output, work / file.name, folder))
            for output, file in zip(test.outputs, files, strict=True))
    return FileTest(
        f"{SAMPLES}/{test.sample}", test.command, (test.category,), test.input_type, test.output_type, test.exit_code, test.description,
        outputs=outputs)


def _executed(entry: SuiteTest, executable: Path, sample: Path, folder: Path, log: Path) -> Execution:
    return run_process(invocation(entry, executable, sample, folder, log), Limits(seconds=60), stop=lambda: False)


def _keep_output(test: catalog.Test, output: catalog.Output, produced: Path, folder: Path) -> str | None:
    """The path of the baseline below the library's folder; None where nothing needs to come and nothing came."""
    if not produced.is_file():
        if output.ignore:
            return None
        raise BaselineFailed(f"{test.sample} {test.command}: no output {output.suffix}{output.extension}")
    content = produced.read_bytes()
    name = f"{BASELINES}/{hashlib.sha256(content).hexdigest()}{output.extension}"
    _write(folder / name, content, 0o600)
    return name


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
