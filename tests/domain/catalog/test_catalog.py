"""The catalog: which of its samples and regression tests belong to a list."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.catalog import Catalog
from api.domain.catalog.regression_test import RegressionTest, RegressionTestFilter
from api.domain.catalog.sample import Sample, SampleFilter, SampleLabel, SampleStatus
from api.domain.runs.expected_tests import ExpectedTest

SAMPLES = (
    Sample(1, "a" * 64, ".ts", "One", ("hd", "sd")), Sample(2, "B" * 64, "mp4", "Two"), Sample(3, "", "ts", "", ("HD",), "Old"))
DEFINITION = ExpectedTest(1, 1, "a" * 64, ".ts", "-out=srt", "file", "file", 0, ("DVB", "Teletext"))
TESTS = (
    RegressionTest(DEFINITION, True, ("hd", "sd")),
    RegressionTest(replace(DEFINITION, regression_id=2, categories=()), False, ("hd", "sd")),
    RegressionTest(replace(DEFINITION, regression_id=5, sample_id=2, categories=("dvb",)), False))
CATALOG = Catalog(SAMPLES, TESTS)

words = st.none() | st.sampled_from(["hd", "HD", "sd", "h", "", "dvb", "DVB", "Teletext", "ts", "TS", ".ts", "one", "O", "a" * 64])


@pytest.mark.parametrize(("wanted", "found"), [
    (SampleFilter(), [1, 2, 3]), (SampleFilter(SampleStatus.ACTIVE), [1]), (SampleFilter(SampleStatus.INACTIVE), [2, 3]),
    (SampleFilter(name="O"), [1, 2]), (SampleFilter(name="tW"), [2]), (SampleFilter(tag="Hd"), [1, 3]), (SampleFilter(tag="h"), []),
    (SampleFilter(sha256="A" * 64), [1]), (SampleFilter(sha256="b" * 64), [2]), (SampleFilter(sha256=""), [3]),
    (SampleFilter(extension="TS"), [1, 3]), (SampleFilter(SampleStatus.INACTIVE, tag="hd", extension="ts"), [3])])
def test_samples_are_found_by_all_that_is_asked_at_once(wanted: SampleFilter, found: list[int]) -> None:
    assert [sample.sample_id for sample in CATALOG.find_samples(wanted)] == found


@pytest.mark.parametrize(("wanted", "found"), [
    (RegressionTestFilter(), [1, 2, 5]), (RegressionTestFilter(active=True), [1]), (RegressionTestFilter(active=False), [2, 5]),
    (RegressionTestFilter(category="Dvb"), [1, 5]), (RegressionTestFilter(category="DV"), []), (RegressionTestFilter(tag="SD"), [1, 2]),
    (RegressionTestFilter(sample_id=2), [5]), (RegressionTestFilter(sample_id=3), []),
    (RegressionTestFilter(active=False, tag="hd"), [2])])
def test_regression_tests_are_found_by_all_that_is_asked_at_once(wanted: RegressionTestFilter, found: list[int]) -> None:
    assert [test.definition.regression_id for test in CATALOG.find_tests(wanted)] == found


@given(st.none() | st.sampled_from(SampleStatus), words, words, words, words)
def test_who_asks_for_more_finds_no_others(
    status: SampleStatus | None, name: str | None, tag: str | None, sha256: str | None, extension: str | None,
) -> None:
    each = [SampleFilter(status), SampleFilter(name=name), SampleFilter(tag=tag), SampleFilter(sha256=sha256),
            SampleFilter(extension=extension)]

    found = CATALOG.find_samples(SampleFilter(status, name, tag, sha256, extension))

    assert list(found) == [sample for sample in SAMPLES if all(sample in CATALOG.find_samples(one) for one in each)]


@given(st.none() | st.booleans(), words, words, st.none() | st.integers(1, 3))
def test_who_asks_for_more_finds_no_other_tests(active: bool | None, category: str | None, tag: str | None, sample_id: int | None) -> None:
    each = [RegressionTestFilter(active), RegressionTestFilter(category=category), RegressionTestFilter(tag=tag),
            RegressionTestFilter(sample_id=sample_id)]

    found = CATALOG.find_tests(RegressionTestFilter(active, category, tag, sample_id))

    assert list(found) == [test for test in TESTS if all(test in CATALOG.find_tests(one) for one in each)]


def test_a_catalog_tells_samples_labels_and_definitions_by_their_ids() -> None:
    assert CATALOG.samples_by_id == {sample.sample_id: sample for sample in SAMPLES}
    assert CATALOG.labels[1] == SampleLabel("One", ("hd", "sd"))
    assert CATALOG.definitions.tests == tuple(test.definition for test in TESTS)
    assert CATALOG.used_samples == {1}
