"""Outputs and their differences as JSON."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from orjson import Fragment

from api.diffs.channel import CuesAnswer, DiffAnswer
from api.domain.files.content import Content
from api.domain.files.content_type import content_type_of
from api.domain.results.output import RunOutput
from api.domain.text.diff import DiffStatus, Precision
from api.storage.files.stored_file import Found, Source

Json = dict[str, Any]

NOTHING = {"added_lines": 0, "removed_lines": 0, "changed_hunks": 0}


def output_file(run_id: int, found: RunOutput, digest: str, content: Content, source: Source, place: Found, url: str | None) -> Json:
    """A file of an output; `place` and `url` say where it can be had."""
    return _ids(run_id, found) | {
        "filename": filename(source), "content_type": content_type_of(found.output.extension), "encoding": content.encoding.value,
        "content": content.text, "truncated": content.truncated, "size_bytes": source.size, "sha256": digest,
        "storage_status": place.status.value, "download_url": url}


def filename(source: Source) -> str:
    """The name under which a file is stored, without its folder."""
    return source.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Compared:
    """An output of a run that is compared with its baseline, or with the same output of another run."""

    run_id: int
    found: RunOutput
    against_run_id: int | None

    @property
    def ids(self) -> Json:
        """What says which comparison it is."""
        other = {} if self.against_run_id is None else {"against_run_id": self.against_run_id}
        return _ids(self.run_id, self.found) | other


def missing_diff(compared: Compared, status: DiffStatus) -> Json:
    """A comparison that cannot be made."""
    return compared.ids | {"status": status.value}


def no_diff(compared: Compared, *, unified: bool) -> Json:
    """A comparison of two files that are the same, which need not be looked at."""
    return compared.ids | {
        "status": DiffStatus.IDENTICAL.value, "precision": Precision.EXACT.value, "truncated": False, "summary": NOTHING,
        "unified" if unified else "hunks": "" if unified else []}


def diff(compared: Compared, answer: DiffAnswer, *, unified: bool) -> Json:
    """A comparison that was made."""
    if answer.is_identical:
        return no_diff(compared, unified=unified)
    counts = answer.summary
    return compared.ids | {
        "status": DiffStatus.DIFFERENT.value, **({"encoding": answer.encoding.value} if answer.encoding else {}),
        **({"bom": answer.bom} if answer.bom else {}), **({"binary": asdict(answer.binary)} if answer.binary else {}),
        "precision": answer.precision.value, "truncated": answer.truncated, "summary": {
            "added_lines": counts.added_lines, "removed_lines": counts.removed_lines, "changed_hunks": counts.changed_hunks},
        # It comes as JSON from the process that compared.
        "unified" if unified else "hunks": Fragment(answer.shown)}


def cues_diff(compared: Compared, answer: CuesAnswer | None) -> Json:
    """A comparison cue by cue, or that there was no time for it."""
    # It comes as JSON from the process that compared.
    cues = {} if answer is None else {"cues": Fragment(answer.shown)}
    return compared.ids | {"status": DiffStatus.DIFFERENT.value, "truncated": answer is None or not answer.is_final} | cues


def _ids(run_id: int, found: RunOutput) -> Json:
    return {
        "run_id": run_id, "sample_id": found.test.sample_id, "regression_id": found.test.regression_id,
        "output_id": found.output.output_id}
