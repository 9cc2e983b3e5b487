"""Definitions of regression tests as people write them."""
from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.definition import NewOutput, check_command, check_outputs, default_outputs
from api.domain.errors import Invalid


@given(st.text())
def test_a_command_that_passes_can_be_split_as_a_worker_does(command: str) -> None:
    try:
        check_command(command)
    except Invalid:
        return

    assert not any("\0" in word for word in shlex.split(command))


@pytest.mark.parametrize("command", ["-x 'open", "-x \\", "-a\n-b", "\x00"])
def test_a_command_that_no_worker_can_split_is_refused(command: str) -> None:
    with pytest.raises(Invalid):
        check_command(command)


@pytest.mark.parametrize("outputs", [
    [NewOutput(".srt"), NewOutput(".srt")], [NewOutput("srt")], [NewOutput("./srt")], [NewOutput(".srt", "/..")]])
def test_outputs_that_are_no_files_of_different_names_are_refused(outputs: list[NewOutput]) -> None:
    with pytest.raises(Invalid):
        check_outputs(outputs)


def test_outputs_of_different_names_pass() -> None:
    check_outputs([NewOutput(".srt"), NewOutput(".srt", "_2"), NewOutput(".dvr-ms.xml")])


@pytest.mark.parametrize(("command", "output_type", "extensions"), [
    ("", "file", [".srt"]), ("-out=srt", "file", [".srt"]), ("-out=ttxt -latin1", "file", [".txt"]), ("--out=webvtt", "stdout", [".vtt"]),
    ("-out=bin", "file", [".bin"]), ("-out=null", "file", []), ("-x", "null", []), ("-x", "tcp", []), ("-out=report", "report", [".txt"])])
def test_an_output_is_known_of_its_command(command: str, output_type: str, extensions: list[str]) -> None:
    assert [each.extension for each in default_outputs(command, output_type)] == extensions
