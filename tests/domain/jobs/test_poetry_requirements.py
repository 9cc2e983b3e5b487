"""Poetry's ranges of versions in the words of packaging."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.poetry_requirements import poetry_requirements


@pytest.mark.parametrize(("versions", "requirement"), [
    ("^1.2.3", "a>=1.2.3,<2"), ("^0.2.3", "a>=0.2.3,<0.3"), ("^0.0.3", "a>=0.0.3,<0.0.4"), ("^0", "a>=0,<1"), ("^0.0", "a>=0.0,<0.1"),
    ("^1.*", "a>=1,<2"), ("~1.2.3", "a>=1.2.3,<1.3"), ("~1", "a>=1,<2"), ("*", "a"), ("1.2", "a==1.2"), ("1.*", "a==1.*"),
    (">=1,<3", "a>=1,<3"), (">= 1", "a>= 1"), ("!=2.0", "a!=2.0"), ("^1 || ^2", "a"), ("^1.2rc1", "a"), ("latest version", "a"), (">", "a"),
])
def test_a_range_is_translated_or_left_out(versions: str, requirement: str) -> None:
    assert poetry_requirements({"a": versions}) == (requirement,)


@pytest.mark.parametrize(("wanted", "requirement"), [
    ({"version": "^1", "extras": ["x", "y", 3, "z z"]}, "a[x,y]>=1,<2"),
    ({"version": "1", "markers": "os_name == 'nt'"}, "a==1 ; os_name == 'nt'"),
    ({"version": "1", "optional": True}, "a==1"),
])
def test_extras_and_markers_are_kept(wanted: dict[str, Any], requirement: str) -> None:
    assert poetry_requirements({"a": wanted}) == (requirement,)


@pytest.mark.parametrize("dependencies", [{"python": "^3.9"}, {"a": {"path": "../a"}}, {"a": 3}, {"-r x": "1"}])
def test_what_comes_from_no_index_is_left_out(dependencies: dict[str, Any]) -> None:
    assert poetry_requirements(dependencies) == ()


@given(st.text(max_size=20))
def test_every_text_is_a_range_or_none(versions: str) -> None:
    (requirement,) = poetry_requirements({"a": versions})

    assert requirement.startswith("a")
