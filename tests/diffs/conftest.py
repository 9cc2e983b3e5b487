"""Pools of comparing processes."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.diffs.pool import DiffPool
from tests.diffs.pools import MakePool


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[DiffPool] = []

    def make(**options: Any) -> DiffPool:
        pools.append(DiffPool(**({"processes": 1, "seconds": 60} | options)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def pool(make_pool: MakePool) -> DiffPool:
    return make_pool()
