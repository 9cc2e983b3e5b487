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

    @property
    def needs_reading(self) -> bool:
        """Whether texts have to be compared, which databases do each in its own way."""
        return self.name is not None or self.extension is not None

    def matches_texts(self, name: str, extension: str) -> bool:
        """Whether a sample of this name and extension belongs to the list."""
        return contains(name, self.name) and is_named(without_dot(extension), self.extension)


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
    """Whether a tag or category is the one that is asked for; None asks for nothing."""
    return wanted is None or casefold_ascii(word) == casefold_ascii(wanted)


def is_tagged(tags: tuple[str, ...], wanted: str | None) -> bool:
    """Whether one of the tags is the one that is asked for, as it is shown: a longer tag than can be asked for is cut."""
    return wanted is None or any(is_named(cut(tag, TAG_LENGTH), wanted) for tag in tags)
