"""Refusals that programs know by their words."""
from __future__ import annotations

from api.domain.errors import StoreFull


def test_a_full_store_asks_to_come_back_and_says_whose_disk_it_is() -> None:
    refusal = StoreFull()

    assert (refusal.message, refusal.retry_after) == ("The file store's disk is full.", 60)
