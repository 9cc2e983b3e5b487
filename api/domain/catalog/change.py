"""Changes of the library: who made them, what was different afterwards, and the version that an edit is made against."""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.errors import PreconditionFailed

_TAG = re.compile(r'"[!\x23-\x7e]*"')


class LibraryKind(StrEnum):
    """What the library consists of."""

    SAMPLE = "sample"
    REGRESSION_TEST = "regression_test"
    CATEGORY = "category"
    TAG = "tag"


class LibraryAction(StrEnum):
    """What can be done to a thing of the library."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes the library, by the name that is shown; a command has no account."""

    user_id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class LibraryChange:
    """A recorded change: the values that it changed, as they were and as they are since, by name."""

    change_id: int
    kind: LibraryKind
    subject_id: int
    action: LibraryAction
    changed_by: str
    changed_at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two states the values that are not the same, those that only one of them has included."""
    names = [name for name in {**before, **after} if name not in before or name not in after or before[name] != after[name]]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names if name in after}


def version_of(values: Mapping[str, Any]) -> str:
    """The entity tag, with its quotes, of a thing with these values; other values, another tag."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check_version(wanted: str | None, values: Mapping[str, Any]) -> None:
    """Let pass an edit whose If-Match names the present version, or which has none. Raises PreconditionFailed."""
    if wanted is None or wanted.strip() == "*":
        return
    if version_of(values) not in _TAG.findall(wanted):
        raise PreconditionFailed
