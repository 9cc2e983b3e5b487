"""The artifacts that a run should have, whether or not they are stored, always in the same order."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.domain.files.content_type import OCTETS, content_type_of
from api.domain.results.result import JudgedTest, differing_hash
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.run import Platform

TEXT, XML, JSON = "text/plain", "application/xml", "application/json"


class ArtifactType(StrEnum):
    """The contract's types of files."""

    BUILD_LOG = "build_log"
    SAMPLE_OUTPUT = "sample_output"
    EXPECTED_OUTPUT = "expected_output"
    DIFF = "diff"
    MEDIA_INFO = "media_info"
    BINARY = "binary"


class ArtifactPart(StrEnum):
    """What exactly a file is; with the run and the test's ids it makes the file's own id, which never changes."""

    BUILD_LOG = "build_log"
    COMBINED_STDOUT = "combined_stdout"
    BINARY = "binary"
    COREDUMP = "coredump"
    MEDIA_INFO = "media_info"
    EXPECTED_OUTPUT = "expected_output"
    SAMPLE_OUTPUT = "sample_output"
    DIFF = "diff"


TYPE_OF = {part: ArtifactType(part.value) for part in ArtifactPart if part.value in set(ArtifactType)} | {
    ArtifactPart.COMBINED_STDOUT: ArtifactType.BUILD_LOG, ArtifactPart.COREDUMP: ArtifactType.BINARY}


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file. `digests` say which stored outputs it is, or, for a diff, is made of."""

    run_id: int
    part: ArtifactPart
    filename: str
    content_type: str
    test: ExpectedTest | None = None
    output: ExpectedOutput | None = None
    digests: tuple[str, ...] = ()

    @property
    def type(self) -> ArtifactType:
        """The contract's type."""
        return TYPE_OF[self.part]

    @property
    def artifact_id(self) -> str:
        """The file's id: the same whenever the run is asked for its files."""
        test, output = self.test, self.output
        if test is None:
            return f"{self.run_id}-{self.part}"
        if output is None:
            return f"{self.run_id}-{self.part}-{test.sample_id}"
        return f"{self.run_id}-{self.part}-{test.regression_id}-{output.output_id}"


def artifacts_of(run_id: int, platform: Platform, tests: Iterable[JudgedTest], only: ArtifactType | None = None) -> tuple[Artifact, ...]:
    """The files of a run with these tests: its own first, then each test's in the order of the tests and outputs."""
    listed = [*own_files(run_id, platform), *_files_of_tests(run_id, tests)]
    return tuple(each for each in listed if only in (None, each.type))


def own_files(run_id: int, platform: Platform) -> Iterator[Artifact]:
    """The files of a run that are of no test."""
    binary = "ccextractorwinfull.exe" if platform is Platform.WINDOWS else "ccextractor"
    yield Artifact(run_id, ArtifactPart.BUILD_LOG, f"{run_id}.txt", TEXT)
    yield Artifact(run_id, ArtifactPart.COMBINED_STDOUT, "combined_stdout.log", TEXT)
    yield Artifact(run_id, ArtifactPart.BINARY, binary, OCTETS)
    yield Artifact(run_id, ArtifactPart.COREDUMP, "coredump", OCTETS)


def _files_of_tests(run_id: int, tests: Iterable[JudgedTest]) -> Iterator[Artifact]:
    described: set[int] = set()
    for judged in tests:
        test = judged.test
        if test.sample_id not in described:
            described.add(test.sample_id)
            yield Artifact(run_id, ArtifactPart.MEDIA_INFO, f"{test.sample_sha}.xml", XML, test)
        for output in test.outputs:
            yield from files_of_output(run_id, judged, output)


def files_of_output(run_id: int, judged: JudgedTest, output: ExpectedOutput) -> Iterator[Artifact]:
    """The baseline; and where something else was produced, that and how the two differ."""
    test, produced = judged.test, differing_hash(output, judged.reports.outputs.get(output.output_id))
    filename, kind = f"{test.sample_sha}{output.suffix}{output.extension}", content_type_of(output.extension)
    if output.baseline:
        yield Artifact(run_id, ArtifactPart.EXPECTED_OUTPUT, filename, kind, test, output, (output.baseline,))
    if produced is None:
        return
    yield Artifact(run_id, ArtifactPart.SAMPLE_OUTPUT, filename, kind, test, output, (produced,))
    if output.baseline:
        yield Artifact(run_id, ArtifactPart.DIFF, f"{filename}.diff.json", JSON, test, output, (output.baseline, produced))
