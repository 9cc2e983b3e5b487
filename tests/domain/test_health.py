"""The state of the system."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.health import Dependency, overall

states = st.sampled_from(["ok", "degraded", "down"])
dependencies = st.lists(st.builds(Dependency, st.just("a part"), states, st.none(), st.booleans()), max_size=6)


@pytest.mark.parametrize(("parts", "state"), [
    ([], "ok"), ([("ok", True), ("ok", False)], "ok"), ([("down", False)], "degraded"), ([("degraded", True)], "degraded"),
    ([("down", True)], "down"), ([("down", True), ("ok", True)], "down"), ([("down", True), ("down", False)], "down")])
def test_the_system_is_down_only_without_a_vital_part(parts: list[tuple[str, bool]], state: str) -> None:
    assert overall(Dependency("a part", status, vital=vital) for status, vital in parts) == state


@given(dependencies, dependencies)
def test_one_more_part_never_makes_the_system_better(some: list[Dependency], more: list[Dependency]) -> None:
    order = ["ok", "degraded", "down"]

    assert order.index(overall([*some, *more])) == max(order.index(overall(some)), order.index(overall(more)))
