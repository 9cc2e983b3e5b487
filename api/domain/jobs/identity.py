"""A job's id, and what it is of: project, commit and branch, and a label of its sender's; told by who submits it, and believed."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LENGTHS = {"project": 100, "branch": 255, "label": 100}
IDENTITY_FIELDS = frozenset({*LENGTHS, "commit"})
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# Mercurial's way to say that there are changes that were not committed.
_COMMIT = re.compile(r"[0-9a-f]{7,64}\+?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """None where nothing was said. A commit ends with + where the project has changes that are not in it."""

    project: str | None = None
    commit: str | None = None
    branch: str | None = None
    label: str | None = None


def is_job_id(name: str) -> bool:
    """Whether a name, such as a folder's, is the id of a job."""
    return _JOB_ID.fullmatch(name) is not None


def identity_errors(fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the fields of an identity, by their names."""
    errors = {}
    for name, length in LENGTHS.items():
        value = fields.get(name)
        if value is not None and (not 0 < len(value) <= length or _CONTROL.search(value)):
            errors[name] = f"Must have 1 to {length} characters, on one line."
    if "commit" in fields and not _COMMIT.fullmatch(fields["commit"]):
        errors["commit"] = "Must have 7 to 64 hexadecimal digits in lower case, and may end with +."
    return errors


def identity_of(fields: Mapping[str, str]) -> JobIdentity:
    """The identity that these fields tell, which have no errors."""
    return JobIdentity(**{name: fields[name] for name in IDENTITY_FIELDS if name in fields})
