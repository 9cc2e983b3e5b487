"""The outputs of a run, and the files that it should have."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.files.artifact import ArtifactPart, ArtifactType, artifacts_of
from api.domain.files.content_type import CONTENT_TYPES, OCTETS, content_type_of
from api.domain.results.output import RunOutput
from api.domain.results.result import OutputReport
from api.domain.results.sample_lookup import ChosenOutput
from api.domain.runs.run import Platform
from tests.domain.results.judging import BASELINE, OTHER, VARIANT, expected_output, expected_test, judged, reported


def output_with(report: OutputReport | None) -> RunOutput:
    return RunOutput(ChosenOutput(expected_test(), expected_output()), report)


@pytest.mark.parametrize(("report", "produced"), [
    (None, None),
    (OutputReport(1, 5, None), BASELINE),
    (OutputReport(1, 5, None, OTHER), BASELINE),
    (OutputReport(1, 5, BASELINE.upper(), OTHER), BASELINE),
    (OutputReport(1, 5, VARIANT, BASELINE), VARIANT),
    (OutputReport(1, 5, OTHER, OTHER), OTHER),
    (OutputReport(1, 5, "error", "error"), None),
])
def test_an_output_is_compared_with_the_runs_own_baseline_whatever_stands_beside_its_report(
    report: OutputReport | None, produced: str | None,
) -> None:
    output = output_with(report)

    assert (output.baseline, output.produced) == (BASELINE, produced)
    assert output.is_baseline is (produced == BASELINE)


def test_an_output_is_named_in_a_patch_as_the_platform_names_it() -> None:
    assert output_with(None).patched_name == "sha.srt"
    assert output_with(None).output == expected_output()


TEST = expected_test(3, expected_output(5), expected_output(6))
OWN = ["9-build_log", "9-combined_stdout", "9-binary", "9-coredump"]


def ids_of(platform: Platform = Platform.LINUX, only: ArtifactType | None = None, **got: str | None) -> list[str]:
    return [each.artifact_id for each in artifacts_of(9, platform, [judged(TEST, reported(TEST, **got))], only)]


def test_a_run_without_tests_has_its_own_files() -> None:
    assert [each.artifact_id for each in artifacts_of(9, Platform.LINUX, [])] == OWN


def test_a_test_has_its_baselines_and_where_something_else_was_produced_that_and_the_difference() -> None:
    assert ids_of(o5=None, o6=OTHER) == [
        *OWN, "9-media_info-7", "9-expected_output-3-5", "9-expected_output-3-6", "9-sample_output-3-6", "9-diff-3-6"]


def test_an_acceptable_variant_is_a_file_of_its_own() -> None:
    assert ids_of(only=ArtifactType.SAMPLE_OUTPUT, o5=VARIANT, o6=None) == ["9-sample_output-3-5"]


@pytest.mark.parametrize("got", [None, BASELINE, BASELINE.upper(), "error"])
def test_the_baselines_own_bytes_and_a_missing_output_add_no_file(got: str | None) -> None:
    assert ids_of(o5=got, o6=got) == [*OWN, "9-media_info-7", "9-expected_output-3-5", "9-expected_output-3-6"]


def test_an_output_without_a_baseline_is_a_file_without_a_difference() -> None:
    test = expected_test(3, expected_output(5, baseline=""))

    listed = artifacts_of(9, Platform.LINUX, [judged(test, reported(test, o5=OTHER))])

    assert [each.artifact_id for each in listed] == [*OWN, "9-media_info-7", "9-sample_output-3-5"]


def test_a_difference_is_made_of_two_stored_files() -> None:
    [diff] = artifacts_of(9, Platform.LINUX, [judged(TEST, reported(TEST, o5=None, o6=OTHER))], ArtifactType.DIFF)

    assert (diff.digests, diff.filename, diff.content_type) == ((BASELINE, OTHER), "sha.srt.diff.json", "application/json")


def test_tests_of_one_sample_share_its_media_info() -> None:
    tests = [judged(each, reported(each)) for each in (expected_test(1), expected_test(2))]

    listed = artifacts_of(9, Platform.LINUX, tests, ArtifactType.MEDIA_INFO)

    assert [(each.artifact_id, each.filename) for each in listed] == [("9-media_info-7", "sha.xml")]


@pytest.mark.parametrize(("platform", "filename"), [(Platform.LINUX, "ccextractor"), (Platform.WINDOWS, "ccextractorwinfull.exe")])
def test_the_program_has_its_platforms_name(platform: Platform, filename: str) -> None:
    binary, coredump = artifacts_of(9, platform, [], ArtifactType.BINARY)

    assert (binary.filename, coredump.filename) == (filename, "coredump")


gots = st.none() | st.sampled_from([BASELINE, OTHER, "error"])


@given(gots, gots, st.sampled_from(Platform))
def test_each_file_has_an_id_of_its_own_and_stands_under_one_type(five: str | None, six: str | None, platform: Platform) -> None:
    listed = ids_of(platform, o5=five, o6=six)

    assert len(set(listed)) == len(listed)
    assert sorted(each for kind in ArtifactType for each in ids_of(platform, kind, o5=five, o6=six)) == sorted(listed)


def test_every_part_has_a_type() -> None:
    parts = {each.part: each.type for each in artifacts_of(9, Platform.LINUX, [judged(TEST, reported(TEST, o5=OTHER, o6=OTHER))])}

    assert set(parts) == set(ArtifactPart) and set(parts.values()) == set(ArtifactType)


@pytest.mark.parametrize(("extension", "content_type"), [(".SRT", "application/x-subrip"), (".bin", OCTETS), ("", OCTETS), ("srt", OCTETS)])
def test_a_media_type_is_known_by_its_extension(extension: str, content_type: str) -> None:
    assert content_type_of(extension) == content_type


def test_every_extension_is_known_in_any_case() -> None:
    assert {content_type_of(extension.upper()) for extension in CONTENT_TYPES} == set(CONTENT_TYPES.values())
