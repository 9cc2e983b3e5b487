"""Operations on the outputs of a run: expected, actual, and their difference."""
from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from api.diffs.channel import CuesView, View
from api.diffs.pool import DiffPool
from api.domain.errors import MissingOutput, NoBaseRun, NotFound
from api.domain.files.content import EXAMINED, RAW_LIMIT, Content, as_base64, as_text
from api.domain.files.content_type import content_type_of
from api.domain.results.failure import ending_of
from api.domain.results.failure_code import FailureCode
from api.domain.results.junit import junit_report
from api.domain.results.output import RunOutput
from api.domain.results.result import NOTHING_REPORTED
from api.domain.results.sample_lookup import choose_output
from api.domain.runs.run import Run
from api.domain.text.diff import DiffStatus
from api.handlers.runs.runs import api_base
from api.rendering import results as render_results
from api.services.results import verdicts
from api.services.results.comparisons import find_basis
from api.services.runs import runs
from api.specfirst import request_context
from api.specfirst.responses.metrics import RequestMetrics
from api.storage.files.archive import Archive
from api.storage.files.paths import result_name
from api.storage.files.stored_file import Found, Source

Json = dict[str, Any]

PIECE = 1 << 20
TEXT = "text"
UNIFIED = "unified"
CUES = "cues"
# The same for a picture, which pages alone show.
PLACES = "places"
BASELINE, BASE = "baseline", "base"


def get_expected_output(run: Run, sample_id: int, regression_id: int, output_id: int, format: str) -> Json:
    """Show the baseline that an output of a run was compared with."""
    found = find_output(run, sample_id, regression_id, output_id)
    return _show(run.run_id, found, found.baseline, format)


def get_actual_output(
    run: Run, sample_id: int, regression_id: int, output_id: int, format: str,
) -> Json | tuple[None, int]:
    """Show an output as the run produced it, where it is not the baseline."""
    found = find_output(run, sample_id, regression_id, output_id)
    if found.produced is None:
        raise MissingOutput
    if found.is_baseline:
        return None, HTTPStatus.NO_CONTENT
    return _show(run.run_id, found, found.produced, format)


def get_diff(
    run: Run, sample_id: int, regression_id: int, output_id: int, context_lines: int, format: str, view: str, against: str,
) -> Json:
    """Compare an output with its baseline, or with what another run produced."""
    found = find_output(run, sample_id, regression_id, output_id)
    other = None if against == BASELINE else _other_run(run, regression_id, against)
    shown = render_results.Compared(run.run_id, found, None if other is None else other.run_id)
    digest = found.baseline if other is None else find_output(other, sample_id, regression_id, output_id).produced
    if found.produced is None:
        return render_results.missing_diff(shown, DiffStatus.MISSING_ACTUAL)
    if digest == found.produced:
        return render_results.no_diff(shown, unified=format == UNIFIED)
    expected, actual = None if digest is None else open_output(found, digest), open_output(found, found.produced)
    if expected is None or actual is None:
        return render_results.missing_diff(shown, DiffStatus.MISSING_EXPECTED if expected is None else DiffStatus.MISSING_ACTUAL)
    if view != "lines":
        return _compare_cues(run, other, shown, expected, actual, places=view == PLACES)
    answer = request_context.collaborator(DiffPool).compare(expected, actual, View(context_lines, format == UNIFIED, found.patched_name))
    return render_results.diff(shown, answer, unified=format == UNIFIED)


def _other_run(run: Run, regression_id: int, against: str) -> Run:
    """The run that is named, or the one that this test is compared with in triage; raises NotFound."""
    if against != BASE:
        return runs.show_run(int(against), request_context.now())
    tests = [test for test in verdicts.judge_run(run).tests if test.test.regression_id == regression_id]
    basis = find_basis(run, tests, None, request_context.values().main_repository, request_context.now())
    base_id = basis.run_of(regression_id)
    if base_id is None:
        raise NoBaseRun(run.run_id)
    return runs.show_run(base_id, request_context.now())


def _compare_cues(
    run: Run, other: Run | None, shown: render_results.Compared, expected: Source, actual: Source, *, places: bool,
) -> Json:
    code, before = (None if each is None else _ending(each, shown.found.test.regression_id) for each in (run, other))
    # How the program ended is no difference where it ended so in the other run too.
    view = CuesView(None if code is before else code, places)
    answer = request_context.collaborator(DiffPool).compare_cues(expected, actual, view)
    outcome = "late" if answer is None or not answer.is_final else "read" if answer.is_read else "unread"
    request_context.collaborator(RequestMetrics).told_facts(outcome)
    return render_results.cues_diff(shown, answer)


def _ending(run: Run, regression_id: int) -> FailureCode | None:
    return ending_of(verdicts.judge_run(run).tests, regression_id)


def get_run_junit(run: Run) -> bytes:
    """Show a run in the format that CI servers read."""
    judged = verdicts.judge_run(run)
    return junit_report(run, judged.tests, judged.infrastructure, api_base())


def find_output(run: Run, sample_id: int, regression_id: int, output_id: int) -> RunOutput:
    """An output of a run. Raises NotFound where it is not the run's."""
    evidence = verdicts.judge_run(run).evidence
    chosen = choose_output(evidence.expected, sample_id, regression_id, output_id)
    return RunOutput(chosen, evidence.reports.get(regression_id, NOTHING_REPORTED).outputs.get(output_id))


def open_output(found: RunOutput, digest: str) -> Source | None:
    """A file of an output, to be read; None where it is in no store."""
    return request_context.collaborator(Archive).open(result_name(digest, found.output.extension))


def _show(run_id: int, found: RunOutput, digest: str, format: str) -> Json:
    source, place, url = locate_output(found, digest)
    return render_results.output_file(run_id, found, digest, content_of(source, format), source, place, url)


def locate_output(found: RunOutput, digest: str) -> tuple[Source, Found, str | None]:
    """A file of an output, where it is, and its address. Raises NotFound where it is in no store."""
    archive = request_context.collaborator(Archive)
    source = open_output(found, digest)
    if source is None:
        raise NotFound("output_file", found.output.output_id, remedy="The file is in none of the stores any more.")
    place = archive.look([source.name])[source.name]
    return source, place, archive.link(source.name, place, render_results.filename(source), content_type_of(found.output.extension))


def content_of(source: Source, format: str) -> Content:
    """The beginning of a file as the text of a field: as it is where that is wanted and can be, else in base64."""
    text = as_text(_parts(source), whole=source.size <= EXAMINED) if format == TEXT else None
    return text or as_base64(source.read(0, RAW_LIMIT), source.size)


def _parts(source: Source) -> Iterator[bytes]:
    for start in range(0, min(source.size, EXAMINED), PIECE):
        yield source.read(start, PIECE)
