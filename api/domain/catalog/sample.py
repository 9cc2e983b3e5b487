"""Media samples, and the filters of their list."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from api.domain.display_bounds import cut
from api.domain.text.casefold import casefold_ascii, contains

TAG_LENGTH = 50


class SampleStatus(StrEnum):
    """Whether an active regression test uses a sample."""

    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Sample:
    """A media sample. `sha` is as stored, which in old rows may be no SHA-256; `extension` may have its dot or lack it."""

    sample_id: int
    sha: str
    extension: str
    name: str
    tags: tuple[str, ...] = ()
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """What a list of samples is narrowed to; None asks for nothing. ASCII case is ignored everywhere."""

    status: SampleStatus | None = None
    name: str | None = None
    tag: str | None = None
    sha256: str | None = None
    extension: str | None = None

    def matches(self, sample: Sample, *, is_used: bool) -> bool:
        """Whether a sample belongs to the list; `is_used` tells whether an active regression test uses it."""
        return (
            self.status in (None, SampleStatus.ACTIVE if is_used else SampleStatus.INACTIVE) and contains(sample.name, self.name)
            and is_tagged(sample.tags, self.tag) and is_named(sample.sha, self.sha256)
            and is_named(without_dot(sample.extension), self.extension))


@dataclass(frozen=True, slots=True)
class SampleLabel:
    """What a sample is found by within a run."""

    name: str = ""
    tags: tuple[str, ...] = ()


UNLABELLED = SampleLabel()


def without_dot(extension: str) -> str:
    """An extension without its dot; production databases hold both forms."""
    return extension.removeprefix(".")


def is_named(word: str, wanted: str | None) -> bool:
    """Whether a word, such as a category, is the one that is asked for; None asks for nothing."""
    return wanted is None or casefold_ascii(word) == casefold_ascii(wanted)


def is_tagged(tags: tuple[str, ...], wanted: str | None) -> bool:
    """Whether one of the tags is the one that is asked for, as it is shown: a longer tag than can be asked for is cut."""
    return wanted is None or any(is_named(cut(tag, TAG_LENGTH), wanted) for tag in tags)
