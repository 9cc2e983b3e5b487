"""Names of tags and categories."""
from __future__ import annotations

import pytest

from api.domain.catalog.label import check_label, label_fault, label_key
from api.domain.errors import Invalid


@pytest.mark.parametrize("name", ["", " ", "DVB ", " DVB", "a\x00b", "a\nb", "a\u202eb", "a\u200bb"])
def test_what_cannot_be_seen_is_no_name(name: str) -> None:
    with pytest.raises(Invalid):
        check_label(name)


@pytest.mark.parametrize("name", ["DVB", "CEA-708", "hard subs", "télé", "字幕"])
def test_a_word_is_a_name(name: str) -> None:
    check_label(name)

    assert label_fault(name) is None


@pytest.mark.parametrize(("one", "other", "same"), [
    ("DVB", "dvb", True), ("télé", "Tele", True), ("DVB", "DVB ", True), ("DVB", "DVD", False), ("字", "幕", False)])
def test_names_that_a_database_may_take_for_one_have_one_key(one: str, other: str, same: bool) -> None:
    assert (label_key(one) == label_key(other)) is same
