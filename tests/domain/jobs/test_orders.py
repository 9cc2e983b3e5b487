"""How a project wants its job run, from forms and from pyproject.toml."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.orders import NAMES, READERS, Orders, install_lines, read_form, read_project

FORM = {
    "command": "make 'unit test'", "folder": "sub/dir/", "python": "3.12", "environment": "A=1\n\n B=x=y\n",
    "install": "-e .[x]\npytest>=8\n",
    "artifacts": "out/**\n*.log", "time_limit": "60"}
SAID = Orders(("make", "unit test"), "sub/dir", "3.12", {"A": "1", "B": "x=y"}, ("-e", ".[x]", "pytest>=8"), ("out/**", "*.log"), 60)


def test_a_form_says_all_of_it_with_lists_by_line() -> None:
    assert read_form({**FORM, "priority": "1"}) == (SAID, {})


def test_a_project_says_all_of_it_in_its_table() -> None:
    text = (
        "[tool.ci]\ncommand = ['make', 'unit test']\nfolder = 'sub/dir'\npython = '3.12'\nenvironment = {A = '1', B = 'x=y'}\n"
        "install = ['-e .[x]', 'pytest>=8']\nartifacts = ['out/**', '*.log']\ntime_limit = 60\n")

    assert read_project(text) == (SAID, {})


@pytest.mark.parametrize("text", ["", "[", "[tool.other]\n", "tool = 1", "a = " + "[" * 5000])
def test_a_project_without_a_table_that_can_be_read_says_nothing(text: str) -> None:
    assert read_project(text) == (Orders(), {})


def test_all_that_is_wrong_is_told_at_once() -> None:
    orders, errors = read_project("[tool.ci]\ncommand = ''\npython = 3.12\ntime-limit = 5\n")

    assert orders == Orders()
    assert set(errors) == {"tool.ci.command", "tool.ci.python", "tool.ci.time-limit"}
    assert read_project("[tool]\nci = 1\n")[1] == {"tool.ci": "Must be a table."}


@pytest.mark.parametrize(("name", "value"), [
    ("command", "'"), ("command", " "), ("command", []), ("command", [1]), ("command", "x" * 5000), ("command", 3), ("command", ["a\0"]),
    ("folder", "/etc"), ("folder", "../x"), ("folder", "a/../../b"), ("folder", "."), ("folder", ""), ("folder", 1), ("folder", "a\nb"),
    ("python", "pypy"), ("python", "/usr/bin/python"), ("python", ""),
    ("environment", {"A B": "1"}), ("environment", {"A": 1}), ("environment", []), ("environment", {"A": "\0"}),
    ("install", ["--index-url x"]), ("install", ["-e"]), ("install", ["-r -x"]), ("install", "x"), ("install", [" "]),
    ("install", ["a"] * 101),
    ("artifacts", [1]),
    ("artifacts", ["*a*"]), ("artifacts", ["**/**"]), ("artifacts", ["a"] * 11), ("artifacts", ["a\nb"]),
    ("time_limit", 0), ("time_limit", 86_401), ("time_limit", True), ("time_limit", "60"),
])
def test_what_cannot_be_meant_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match="Must be"):
        READERS[name](value)


def test_a_form_with_texts_for_numbers_or_lines_without_a_value_is_refused() -> None:
    assert set(read_form({"time_limit": "soon", "environment": "A"})[1]) == {"time_limit", "environment"}


def test_nothing_to_be_installed_is_an_order_too() -> None:
    assert read_form({"install": ""})[0].install == ()


def test_what_is_said_first_stands_before_what_is_said_second() -> None:
    first, second = Orders(python="3.12", install=()), Orders(python="3.11", install=("a",), time_limit=5)

    assert first.over(second) == Orders(python="3.12", install=(), time_limit=5)


def test_orders_are_the_same_once_they_were_stored() -> None:
    assert Orders.from_json({"command": ["a"], "environment": {"A": "1"}}) == Orders(("a",), environment={"A": "1"})
    assert Orders.from_json(SAID.as_json()) == SAID
    assert Orders().as_json() == {}


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), st.text(max_size=50)))
def test_every_form_is_read_or_told_what_is_wrong(form: dict[str, str]) -> None:
    orders, errors = read_form(form)

    assert {*orders.as_json(), *errors} == set(form)


def test_what_is_installed_is_written_with_each_options_value_on_its_line() -> None:
    assert install_lines(SAID.install or ()) == ["-e .[x]", "pytest>=8"]
    assert install_lines(["-r", "a.txt", "-r", "b.txt"]) == ["-r a.txt", "-r b.txt"]
    assert install_lines(()) == []
