"""Collects the faults of a request by field. The first 100 fields are named, further ones are counted."""
from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from api.domain.errors import Invalid
from api.specfirst.validation.error_messages import words
from api.specfirst.validation.violations import MAX_NAMED, Path, Violation

# How many violations of one value are looked at, named or counted.
MAX_COUNTED = 1000
_MAX_NAME_LENGTH = 200
_MAX_MESSAGE_LENGTH = 300


class Faults:
    """The faults found so far. `fields` maps a field's name to its message; `omitted` counts further faults."""

    def __init__(self, most: int = MAX_NAMED) -> None:
        self.fields: dict[str, str] = {}
        self.omitted = 0
        self._most = most

    def __bool__(self) -> bool:
        return bool(self.fields)

    def add(self, field: str, wrong: str) -> None:
        """Add a fault of a field. A field keeps its first fault. Once enough fields are named, the fault is only counted."""
        name = field[:_MAX_NAME_LENGTH]
        if name in self.fields:
            return
        if len(self.fields) < self._most:
            self.fields[name] = wrong[:_MAX_MESSAGE_LENGTH]
        else:
            self.omitted += 1

    def collect(self, violations: Iterable[Violation], *below: str) -> None:
        """Add violations. Their fields begin with the names `below`; without any, the violations are those of the body."""
        for violation in islice(violations, MAX_COUNTED):
            if violation.path is None:
                self.omitted += violation.places
            else:
                self.add(_dotted((*below, *violation.path)), words(violation))

    def refusal(self) -> Invalid:
        """Make the refusal that lists the faults."""
        return Invalid(self.fields, omitted=self.omitted)


def _dotted(path: Path) -> str:
    return ".".join(str(part)[:_MAX_NAME_LENGTH] for part in path) or "body"
