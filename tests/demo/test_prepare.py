"""The demo's files: real captions, really extracted, the same every time."""
from __future__ import annotations

import ast
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from api.demo import catalog
from api.demo.extractor.readers import read
from api.demo.patch import patched
from api.demo.prepare import CHANGED, FLAKY_COMMAND, PLATFORM, REPOSITORY, BaselineFailed, Build, Demo, builds, prepare
from api.domain.catalog.library_file import FileTest, read_library
from api.domain.runs.worker_suite import UNCHECKED, SuiteFile, SuiteTest
from api.worker.output_comparison import compare_outputs
from api.worker.programs.command import invocation
from api.worker.programs.execution import Execution, Limits
from api.worker.programs.process import run_process

MEDIA = Path(catalog.__file__).with_name("media")
# What the containers were made of, by ffmpeg 7.0, and what it extracted from files of text; it loses a full stop of weather.scc.
SOURCES, EXTRACTED = (Path(__file__).with_name(name) for name in ("sources", "extracted"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo with a space")


@pytest.fixture(scope="module")
def demo(root: Path) -> Demo:
    return prepare(root / "library", root / "executables")


def files_below(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def run(root: Path, test: FileTest, build: Build, folder: Path) -> tuple[Execution, dict[str, bool]]:
    """Execute a test with a build as a worker does; return how it ended, and whether each output that came matches."""
    sample = root / "library" / test.sample
    files = tuple(
        SuiteFile(
            number, each.baseline and Path(each.baseline).stem, f"{sample.stem}{each.output.suffix}{each.output.extension}",
            each.output.ignored)
        for number, each in enumerate(test.outputs, 1))
    entry = SuiteTest(
        1, test.categories[0], test.command, test.input_type, test.output_type, "", sample.name,
        files or (SuiteFile(None, None, UNCHECKED, ignored=True),))
    executable = root / "executables" / REPOSITORY / PLATFORM / build.commit / "ccextractor"
    folder.mkdir()
    execution = run_process(
        invocation(entry, executable, sample, folder, folder.with_suffix(".log")), Limits(seconds=60), stop=lambda: False)
    produced = compare_outputs(entry.files, folder)
    return execution, {test.outputs[each.output_id - 1].output.suffix: each.matches for each in produced}


def test_the_library_is_as_large_and_as_varied_as_it_says() -> None:
    assert len(catalog.SAMPLES) >= 8
    assert len(catalog.TESTS) >= 12
    assert {test.output_type for test in catalog.TESTS} >= {"file", "stdout", "null", "report", "multiprogram"}
    assert {test.input_type for test in catalog.TESTS} == {"file", "stdin"}
    assert any(test.exit_code for test in catalog.TESTS)
    assert any(len(test.outputs) > 1 for test in catalog.TESTS)


def test_all_of_the_catalog_belongs_together() -> None:
    assert {test.sample for test in catalog.TESTS} == {sample.name for sample in catalog.SAMPLES}
    assert {test.category for test in catalog.TESTS} == set(catalog.CATEGORIES)
    assert {tag for sample in catalog.SAMPLES for tag in sample.tags} == set(catalog.TAGS)
    assert {path.name for path in MEDIA.iterdir() if path.is_file()} == {sample.name for sample in catalog.SAMPLES}
    assert len({(test.sample, test.command) for test in catalog.TESTS}) == len(catalog.TESTS)


def test_the_regression_is_a_change_of_the_good_program_and_knows_no_test() -> None:
    made = builds()

    changed = made.regressed.source[CHANGED]
    assert ast.parse(changed)
    assert changed == patched(made.good.source[CHANGED], MEDIA.with_name("regression.diff").read_text())
    assert made.regressed.source == {**made.good.source, CHANGED: changed}
    assert made.regressed.parent == made.good.commit != made.regressed.commit
    assert made.unbuilt.parent == made.regressed.commit != made.unbuilt.commit
    assert not any(Path(sample.name).stem in changed for sample in catalog.SAMPLES)


def test_the_pull_request_is_a_change_of_the_regressed_program_and_knows_no_test() -> None:
    made = builds()

    changed = made.proposed.source[CHANGED]
    assert ast.parse(changed)
    assert changed == patched(made.regressed.source[CHANGED], MEDIA.with_name("pull_request.diff").read_text())
    assert made.proposed.source == {**made.regressed.source, CHANGED: changed}
    assert made.proposed.parent == made.regressed.commit != made.proposed.commit
    assert not any(Path(sample.name).stem in changed for sample in catalog.SAMPLES)


def test_preparing_twice_changes_nothing(demo: Demo, root: Path) -> None:
    before = files_below(root)

    again = prepare(root / "library", root / "executables")

    assert again == demo
    assert files_below(root) == before


def test_preparing_elsewhere_gives_the_same_library(demo: Demo, root: Path, tmp_path: Path) -> None:
    elsewhere = prepare(tmp_path / "library", tmp_path / "executables")

    assert elsewhere == demo
    assert files_below(tmp_path / "library") == files_below(root / "library")


def test_the_file_of_the_library_says_what_the_demo_has(demo: Demo, root: Path) -> None:
    content = yaml.safe_load((root / "library" / "library.yaml").read_text())

    assert read_library(content) == demo.library
    assert set(demo.library.paths) | {"library.yaml"} == set(files_below(root / "library"))


def test_baselines_hold_what_the_authors_wrote(demo: Demo, root: Path) -> None:
    text = "\n".join(path.read_text() for path in (root / "library" / "baselines").iterdir())

    for words in ("HARBOUR MASTER", "zwei Äpfel", "كم سعر", "זה לא למכירה. 🪔", "I never left.", "Libertà", "Crème fraîche",
                  "mañana", "こんばんは", "μουσείο", "Ships & tides <notes>", "Ships &amp; tides &lt;notes&gt;"):
        assert words in text


def test_the_good_build_passes_every_test(demo: Demo, root: Path, tmp_path: Path) -> None:
    for number, test in enumerate(demo.library.tests):
        execution, outputs = run(root, test, demo.builds.good, tmp_path / str(number))

        assert execution.exit_code == test.exit_code, test.command
        assert outputs == {each.output.suffix: True for each in test.outputs if not each.output.ignored}, test.command


def test_the_regressed_build_differs_misses_an_output_and_crashes_and_passes_the_rest(
    demo: Demo, root: Path, tmp_path: Path,
) -> None:
    crashed: list[tuple[str, int]] = []
    missing: list[str] = []
    different: list[str] = []
    passed: list[str] = []
    for number, test in enumerate(demo.library.tests):
        execution, outputs = run(root, test, demo.builds.regressed, tmp_path / str(number))
        wanted = {each.output.suffix for each in test.outputs if not each.output.ignored}
        if execution.exit_code != test.exit_code:
            crashed.append((test.command, execution.exit_code))
        elif wanted - outputs.keys():
            missing.append(test.command)
        else:
            (passed if all(outputs.values()) else different).append(test.command)

    assert crashed == [("--out=smptett", -11)]
    assert missing == ["--multiprogram --out=srt"]
    assert set(different) >= {"--out=webvtt", "--out=ttxt", "--stdin --out=ttxt"}
    assert len(passed) >= 10


def test_the_pull_requests_build_changes_what_is_written_as_subrip_and_one_test_is_not_the_same_twice(
    demo: Demo, root: Path, tmp_path: Path,
) -> None:
    written = {
        (test.sample, test.command, build.commit, number): _written(root, test, build, tmp_path / f"{place}-{build.commit}-{number}")
        for place, test in enumerate(demo.library.tests)
        for build, numbers in ((demo.builds.regressed, (0,)), (demo.builds.proposed, (1, 2))) for number in numbers}
    before, first, second = demo.builds.regressed.commit, demo.builds.proposed.commit, demo.builds.proposed.commit

    changed = {
        test.command for test in demo.library.tests
        if written[test.sample, test.command, before, 0] != written[test.sample, test.command, first, 1]}
    flaky = {
        test.command for test in demo.library.tests
        if written[test.sample, test.command, first, 1] != written[test.sample, test.command, second, 2]}
    assert changed == {"--out=srt", "--out=srt --delay 2500", "--multiprogram --out=srt", FLAKY_COMMAND}
    assert flaky == {FLAKY_COMMAND}


def _written(root: Path, test: FileTest, build: Build, folder: Path) -> dict[str, str]:
    """What a test writes, its report or standard output too."""
    run(root, test, build, folder)
    return files_below(folder)


def test_the_good_executable_needs_nothing_of_its_environment(root: Path, demo: Demo) -> None:
    source = (root / "executables" / REPOSITORY / PLATFORM / demo.builds.good.commit / "ccextractor").read_bytes()

    assert source.startswith(b"#!/bin/sh\n")
    assert b"environ" not in source


@pytest.mark.parametrize("name", ["evening.mkv", "museum.mp4"])
def test_the_containers_hold_what_they_were_made_of(name: str) -> None:
    tracks = read((MEDIA / name).read_bytes())

    sources = {path.name.split(".")[1]: read(path.read_bytes())[0].cues for path in SOURCES.glob(f"{Path(name).stem}.*")}
    assert {track.language: tuple(track.cues) for track in tracks} == sources


@pytest.mark.parametrize("extracted", sorted(EXTRACTED.iterdir()), ids=lambda path: path.stem)
def test_captions_are_those_that_another_program_extracts(extracted: Path) -> None:
    [track] = read((MEDIA / extracted.stem).read_bytes())

    assert [(cue.start, cue.end, cue.plain) for cue in track.cues] == [
        (cue.start, cue.end, cue.plain) for cue in read(extracted.read_bytes())[0].cues]


def test_a_baseline_that_cannot_be_made_stops_the_preparation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "TESTS", (replace(catalog.TESTS[0], exit_code=3),))

    with pytest.raises(BaselineFailed, match=r"harbour.srt --out=srt: exit code 0, not 3"):
        prepare(tmp_path / "library", tmp_path / "executables")
