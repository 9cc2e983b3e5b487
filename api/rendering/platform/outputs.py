"""Outputs, their differences and the files of a run as the platform's JSON."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from api.diffs.channel import DiffAnswer
from api.domain.display_bounds import cut
from api.domain.files.artifact import Artifact, ArtifactPart, files_of_output, own_files
from api.domain.files.content import Content
from api.domain.files.content_type import OCTETS
from api.domain.results.result import JudgedTest
from api.domain.runs.run import Platform, Run
from api.domain.text.diff import DiffStatus
from api.rendering.artifacts import Link, stored_names
from api.rendering.results import NOTHING, Compared, filename
from api.storage.files.stored_file import NOWHERE, Found, Source

Json = dict[str, Any]

# The parts of a run's files that the platform has a word for, in its order, each with its type, and how its id begins.
WORDS = {
    ArtifactPart.BINARY: ("binary", "binary"), ArtifactPart.COREDUMP: ("coredump", "coredump"),
    ArtifactPart.COMBINED_STDOUT: ("combined_stdout", "combined_stdout"), ArtifactPart.BUILD_LOG: ("build_log", "buildlog"),
    ArtifactPart.EXPECTED_OUTPUT: ("expected_output", "expected"), ArtifactPart.SAMPLE_OUTPUT: ("actual_output", "actual")}
UNIFIED_HEAD = "--- expected\n+++ actual\n"
OF_RUN, OF_OUTPUTS = tuple(WORDS)[:4], tuple(WORDS)[4:]


def output_file(compared: Compared, digest: str, content: Content, source: Source, place: Found, url: str | None) -> Json:
    """A file of an output; `url` is where all of it can be had."""
    return compared.ids | {
        "filename": cut(filename(source), 255), "content_type": OCTETS, "encoding": content.encoding.value, "content": content.text,
        "truncated": content.truncated, "download_url": url if content.truncated else None, "sha256": digest,
        "storage_status": place.status.value}


def same(compared: Compared, status: DiffStatus, *, unified: bool) -> Json:
    """A comparison that shows nothing: of two files that are the same, or of which one is lacking."""
    shown: Json = {"format": "unified", "content": ""} if unified else {"format": "structured", "summary": NOTHING, "hunks": []}
    return compared.ids | shown | {"status": status.value}


def diff(compared: Compared, answer: DiffAnswer, *, unified: bool) -> Json:
    """A comparison that was made."""
    if answer.is_identical:
        return same(compared, DiffStatus.IDENTICAL, unified=unified)
    if unified:
        return compared.ids | {"format": "unified", "content": _unified(orjson.loads(answer.shown))}
    counts = answer.summary
    return compared.ids | {
        "format": "structured", "status": DiffStatus.DIFFERENT.value, "summary": {
            "added_lines": counts.added_lines, "removed_lines": counts.removed_lines, "changed_hunks": counts.changed_hunks},
        "hunks": [_hunk(each) for each in orjson.loads(answer.shown)]}


def _unified(patch: str) -> str:
    """A patch under the platform's names for the two files; what is no text has no hunks, and is shown as it is."""
    at = patch.find("@@ ")
    return patch if at < 0 else UNIFIED_HEAD + patch[at:].removesuffix("\n")


def _hunk(hunk: Json) -> Json:
    return hunk | {"lines": [
        {name: line.get(name) for name in ("kind", "expected_line", "actual_line", "text")} for line in hunk["lines"]]}


def artifacts(run: Run, tests: Iterable[JudgedTest], only: str | None) -> list[Artifact]:
    """The files of a run that the platform lists: its own, then each output that was reported, in the order of the tests."""
    wanted = {part for part, (kind, _) in WORDS.items() if only in (None, kind)}
    own = {each.part: each for each in own_files(run.run_id, run.platform)}
    listed = [own[part] for part in OF_RUN if part in wanted]
    if wanted.isdisjoint(OF_OUTPUTS):
        return listed
    return listed + [
        each for test in tests for output in test.test.outputs if output.output_id in test.reports.outputs
        for each in files_of_output(run.run_id, test, output) if each.part in wanted]


def artifact(found: Artifact, platform: Platform, places: Mapping[str, Found], link: Link) -> Json:
    """One file as it was found."""
    name = stored_names([found], platform)[0]
    place = NOWHERE if name is None else places[name]
    kind, word = WORDS[found.part]
    saved_as = _saved_as(found, name)
    content_type = OCTETS if found.output is not None else found.content_type
    return {
        "artifact_id": _id(found, word), "run_id": found.run_id, "sample_id": None if found.test is None else found.test.sample_id,
        "type": kind, "filename": saved_as, "content_type": content_type, "size_bytes": place.size,
        "storage_status": place.status.value, "download_url": None if name is None else link(name, place, saved_as, content_type)}


def _id(found: Artifact, word: str) -> str:
    if found.test is None or found.output is None:
        return f"{word}_{found.run_id}"
    return f"{word}_{found.run_id}_{found.test.regression_id}_{found.output.output_id}"


def _saved_as(found: Artifact, name: str | None) -> str:
    match found.part:
        case ArtifactPart.COREDUMP:
            return f"coredump-{found.run_id}"
        case ArtifactPart.COMBINED_STDOUT:
            return f"combined_stdout-{found.run_id}.log"
    return cut((name or found.filename).rpartition("/")[2], 255)
