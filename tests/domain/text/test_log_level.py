"""Levels of log lines, held to lines that programs really wrote."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.decoding import without_colours
from api.domain.text.log import LineFacts, facts_of
from api.domain.text.log_level import LogLevel, level_of
from tests.domain.text.build_log_lines import LINES


@pytest.mark.parametrize(("level", "line"), [
    pytest.param(level, line, id=f"{program}: {line[:60]}") for program, lines in LINES.items() for level, line in lines])
def test_a_line_of_a_build_log_has_the_level_that_a_reader_gives_it(level: LogLevel, line: str) -> None:
    assert facts_of(line, LineFacts()).level is level


@given(st.text(alphabet="\x1b[0123456789;mKerrorERROR: []#*-|.()", max_size=700))
def test_any_line_has_a_level_or_none(line: str) -> None:
    shown = without_colours(line)

    assert len(shown) <= 500
    assert level_of(shown) in (None, *LogLevel)
