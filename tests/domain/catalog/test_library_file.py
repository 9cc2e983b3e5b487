"""The library as a file that people write."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.definition import NewOutput
from api.domain.catalog.library_file import FileOutput, FileSample, FileTest, LibraryFile, content_of, library_faults, read_library

WORDS = st.text("abc", min_size=1, max_size=3)
OUTPUTS = st.builds(
    FileOutput, st.builds(NewOutput, st.sampled_from([".srt", ".txt"]), st.sampled_from(["", "_2"]), st.booleans()), st.none() | WORDS,
    st.lists(WORDS, max_size=2).map(tuple))
TESTS = st.builds(
    FileTest, WORDS, WORDS, st.lists(WORDS, max_size=2).map(tuple), st.sampled_from(["file", "stdin"]), st.sampled_from(["file", "null"]),
    st.integers(0, 9), st.text(max_size=3), st.booleans(), st.lists(OUTPUTS, max_size=2).map(tuple))
SAMPLES = st.builds(FileSample, WORDS, WORDS, st.lists(WORDS, max_size=2).map(tuple), st.text(max_size=3))
LABELS = st.dictionaries(WORDS, st.text(max_size=3), max_size=2)
LIBRARIES = st.builds(
    LibraryFile, LABELS, LABELS, st.lists(SAMPLES, max_size=2).map(tuple), st.lists(TESTS, max_size=2).map(tuple))


@given(LIBRARIES)
def test_what_is_written_is_read_as_the_same(library: LibraryFile) -> None:
    assert read_library(content_of(library)) == library


def test_what_is_left_out_has_its_usual_value() -> None:
    content = {"samples": [{"file": "a/news.ts"}], "regression_tests": [
        {"sample": "a/news.ts", "command": "-x", "outputs": [{"extension": ".srt", "baseline": "b", "variants": ["b", "c"]}]}]}

    library = read_library(content)

    assert library.samples == (FileSample("a/news.ts", "news.ts"),)
    assert library.tests[0] == FileTest(
        "a/news.ts", "-x", outputs=(FileOutput(NewOutput(".srt"), "b", ("b", "c")),))
    assert library.paths == ["a/news.ts", "b", "c"]
    assert list(library_faults(content)) == []


@pytest.mark.parametrize(("content", "count"), [
    ({"tags": [{"name": "a"}, {"name": "a"}]}, 1), ({"categories": [{"name": "a"}, {"name": "a"}]}, 1),
    ({"tags": [{"name": "a"}, {"name": "A"}, {"name": "There"}, {"name": "there"}, {"name": "b "}]}, 3),
    ({"samples": [{"file": "a"}, {"file": "a"}]}, 1), ({"samples": [{"file": "a", "tags": ["x", "y", "there"]}]}, 2),
    ({"regression_tests": [{"sample": "a", "command": "'", "categories": ["x", "there"], "outputs": [{"extension": "/"}]}] * 2}, 9)])
def test_all_that_is_wrong_is_told(content: dict[str, Any], count: int) -> None:
    assert len(list(library_faults(content, ["there"], ["there"]))) == count
