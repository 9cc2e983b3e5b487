"""What a sender may say of a job."""
from __future__ import annotations

import pytest

from api.domain.jobs.identity import JobIdentity, identity_errors, identity_of, is_job_id

COMMIT = "3f1c0de5a1b2c3d4e5f60718293a4b5c6d7e8f90"


@pytest.mark.parametrize("fields", [
    {}, {"project": "x"}, {"project": "größe", "commit": COMMIT, "branch": "feature/a b", "label": "nightly"}, {"commit": COMMIT[:7] + "+"},
    {"commit": "0" * 64}, {"branch": "b" * 255}, {"priority": "high"}])
def test_an_identity_may_be_told_in_part(fields: dict[str, str]) -> None:
    assert identity_errors(fields) == {}


@pytest.mark.parametrize(("name", "value"), [
    ("project", ""), ("project", "x" * 101), ("label", "a\nb"), ("label", "\x1b[31m"), ("branch", "b" * 256), ("branch", "a\u2028b"),
    ("commit", ""), ("commit", COMMIT[:6]), ("commit", COMMIT.upper()), ("commit", "main"), ("commit", "0" * 65)])
def test_what_cannot_be_shown_or_found_is_refused(name: str, value: str) -> None:
    assert set(identity_errors({name: value})) == {name}


def test_fields_of_other_meaning_are_no_part_of_it() -> None:
    assert identity_of({"project": "x", "branch": "main", "priority": "3"}) == JobIdentity(project="x", branch="main")


@pytest.mark.parametrize(("name", "is_id"), [
    ("3f1c0de5-a1b2-c3d4-e5f6-0718293a4b5c", True), ("3F1C0DE5-A1B2-C3D4-E5F6-0718293A4B5C", False),
    ("3f1c0de5a1b2c3d4e5f60718293a4b5c", False),
    ("3f1c0de5-a1b2-c3d4-e5f6-0718293a4b5c\n", False), ("../3f1c0de5-a1b2-c3d4-e5f6-0718293a4b5c", False), ("", False)])
def test_the_id_of_a_job_is_told_from_other_names(name: str, is_id: bool) -> None:
    assert is_job_id(name) is is_id
