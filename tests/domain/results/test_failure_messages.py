"""What is said of a failure, in our own words."""
from __future__ import annotations

import pytest

from api.domain.results.failure import failures_of, message_of
from tests.domain.results.judged_tests import OTHER, judged, make_output, make_test


@pytest.mark.parametrize(("exit_code", "words"), [
    (139, "The program crashed with a segmentation fault (exit code 139)."), (-6, "The program aborted itself (exit code -6)."),
    (136, "The program crashed (exit code 136)."), (124, "The program ran into its time limit (exit code 124)."),
    (-15, "The program was ended by a signal (exit code -15)."), (143, "The program was ended by a signal (exit code 143)."),
    (-24, "The program ran into its time limit (exit code -24)."), (153, "The program wrote a file beyond its size limit (exit code 153)."),
    (-1073741676, "The program crashed (exit code -1073741676)."),
    (137, "The program was killed, as a memory limit does (exit code 137)."), (3, "Exit code 3, expected 0."),
    (None, "No exit code was reported, expected 0.")])
def test_an_exit_code_is_put_into_words(exit_code: int | None, words: str) -> None:
    found = failures_of(judged(make_test(), exit_code=exit_code))

    assert [message_of(each) for each in found] == [words]


@pytest.mark.parametrize(("got", "words"), [
    ({1: OTHER}, "Output 1 differs from its baseline."), ({}, "Output 1 was not written.")])
def test_an_outputs_failure_is_put_into_words(got: dict[int, str | None], words: str) -> None:
    found = failures_of(judged(make_test(outputs=[make_output(1)]), got=got))

    assert [message_of(each) for each in found] == [words]
