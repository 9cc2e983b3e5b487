"""The media library: the same answers on every database, whatever its collation thinks."""
from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.catalog.regression_test import RegressionTestFilter
from api.domain.catalog.sample import SampleFilter, SampleStatus, is_named, is_tagged, without_dot
from api.domain.errors import NotFound
from api.domain.text.casefold import contains
from api.storage.catalog.regression_tests import list_regression_tests, regression_ids_of
from api.storage.catalog.samples import check_sample, list_samples, load_labels, load_sample
from tests.builders import add_regression_test, add_sample, digest_of
from tests.databases import Database

NAMES = ("Straße 100%.ts", "STRASSE_1.TS", "café.mp4", "cafe.mp4", "CAFÉ", "back\\slash", "ﬁnal", "🎬 clip", "İstanbul", "")
TAGS = ("hd", "HD2", "été", "live")
words = st.sampled_from([*NAMES, "a", "%", "_", "\\", "É", "é", "ss", "ß", "i", "I", "K", "fi", "🎬"]) | st.text(max_size=3)


def fill() -> list[int]:
    made = []
    for number, name in enumerate(NAMES):
        made.append(add_sample(name or " ", sha=digest_of(name), extension=(".ts", "TS", "mp4")[number % 3], tags=TAGS[:number % 5]))
    add_regression_test(sample_id=made[0])
    add_regression_test(sample_id=made[1], active=False, categories=["Été"])
    return made


def test_samples_are_found_by_text_alike_on_every_database(database: Database) -> None:
    samples = [load_sample(each) for each in fill()]

    @settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
    @given(
        st.none() | words, st.none() | words, st.none() | st.sampled_from(["ts", "TS", "mp4", "t"]), st.integers(1, 4), st.integers(0, 9))
    def check(name: str | None, tag: str | None, extension: str | None, limit: int, offset: int) -> None:
        wanted = SampleFilter(name=name, tag=tag, extension=extension)

        page = list_samples(wanted, limit=limit, offset=offset)

        expected = [
            each for each in samples
            if contains(each.name, name) and is_named(without_dot(each.extension), extension) and is_tagged(each.tags, tag)]
        assert (page.total, list(page.items)) == (len(expected), expected[offset:offset + limit])

    check()


@pytest.mark.parametrize(("status", "expected"), [(SampleStatus.ACTIVE, [0]), (SampleStatus.INACTIVE, list(range(1, 10)))])
def test_a_sample_is_active_when_an_active_test_uses_it(database: Database, status: SampleStatus, expected: list[int]) -> None:
    made = fill()

    page = list_samples(SampleFilter(status), limit=100, offset=0)

    assert [sample.sample_id for sample in page.items] == [made[number] for number in expected]


def test_a_hash_is_found_in_either_case(database: Database) -> None:
    upper = add_sample(sha=digest_of("x").upper())

    found = [list_samples(SampleFilter(sha256=digest), limit=9, offset=0).total for digest in (
        digest_of("x"), digest_of("x").upper(), digest_of("y"))]

    assert found == [1, 1, 0]
    assert load_sample(upper).sha == digest_of("x").upper()


def test_a_sample_that_does_not_exist_is_not_found(database: Database) -> None:
    for load in (load_sample, check_sample):
        with pytest.raises(NotFound):
            load(99)


def test_labels_are_those_of_the_samples_that_are_still_there(database: Database) -> None:
    sample = add_sample("name.ts", tags=["hd", "dvb"])

    labels = load_labels([sample, sample + 1])

    assert {each: (label.name, label.tags) for each, label in labels.items()} == {sample: ("name.ts", ("dvb", "hd"))}


@pytest.mark.parametrize(("category", "expected"), [("été", []), ("ÉTÉ", []), ("Été", [1]), ("ÉtÉ", []), ("ete", [])])
def test_categories_are_compared_by_ascii_case_alone(database: Database, category: str, expected: list[int]) -> None:
    made = fill()

    page = list_regression_tests(RegressionTestFilter(category=category), limit=9, offset=0)

    assert [test.definition.sample_id for test in page.items] == [made[number] for number in expected]
    assert [test.active for test in page.items] == [False] * len(expected)


def test_the_tests_of_a_sample_are_known_active_or_not(database: Database) -> None:
    sample = add_sample()
    tests = [add_regression_test(sample_id=sample, active=active).regression_id for active in (True, False)]
    add_regression_test()

    assert regression_ids_of(sample) == tests
