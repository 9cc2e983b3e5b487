"""Operations on logs: pages of a run's log and of one test's."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from api.domain.auth.signing import SigningKey
from api.domain.errors import Invalid, LogNotFound
from api.domain.results.sample_lookup import choose_test
from api.domain.runs.run import Run, RunStatus
from api.domain.text.log import LogFilter, LogLine, LogSource
from api.domain.text.log_cursor import FINGERPRINT_BYTES, LogPart, LogPlace, fingerprint, make_cursor, read_cursor, stale_cursor
from api.domain.text.log_difference import LogView
from api.domain.text.log_level import LogLevel
from api.services.results import verdicts
from api.services.runs.failure_logs import FailureLog, find_failure_log
from api.specfirst import request_context
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.text import logs
from api.storage.text.log_sections import Section, find_section, section_of
from api.storage.text.log_windows import Readable

RenderLine = Callable[[LogLine], dict[str, Any]]


def list_run_logs(
    run: Run, limit: int, cursor: str | None = None, level: str | None = None, source: str | None = None,
    contains: str | None = None,
) -> dict[str, Any]:
    """Show the next lines of a run's log."""
    wanted = LogFilter(LogLevel(level) if level else None, LogSource(source) if source else None, contains or None)
    with _held_log(run.run_id) as log:
        return log_page(
            log, subject_of(run.run_id), cursor, limit, wanted, lambda line: log_line(run, line), grows=run.status is RunStatus.RUNNING)


def list_sample_logs(
    run: Run, sample_id: int, limit: int, regression_id: int | None = None, cursor: str | None = None,
    level: str | None = None, contains: str | None = None, view: str = LogView.LINES,
) -> dict[str, Any]:
    """Show the next lines of what one regression test of a run printed, or those that no passing log has."""
    tests = verdicts.judge_run(run).tests
    chosen = choose_test(tests, sample_id, regression_id)
    test = chosen.test

    def shown(line: LogLine) -> dict[str, Any]:
        return log_line(run, line) | {"sample_id": test.sample_id, "regression_id": test.regression_id}

    if view == LogView.FAILURE_ONLY:
        _refuse_besides(cursor=cursor, level=level, contains=contains)
        return failure_log(find_failure_log(run, chosen, tests, request_context.collaborator(Archive), limit), limit, shown)
    wanted = LogFilter(LogLevel(level) if level else None, None, contains or None)
    subject = f"{subject_of(run.run_id)} test {test.regression_id}"
    with request_context.collaborator(Archive).hold(paths.test_log_name(run.run_id, test.regression_id)) as own:
        if own is not None:
            return log_page(own, subject, cursor, limit, wanted, shown)
    with _held_log(run.run_id) as log:
        start = None if cursor is None else place_of(log, subject, cursor)
        section = _section(log, start.part if start is not None else None, run.run_id, test.regression_id)
        grows = run.status is RunStatus.RUNNING and not section.has_ended
        return _page_from(section, subject, start or LogPlace(section.part.begin), limit, wanted, shown, grows=grows)


def _refuse_besides(**given: str | None) -> None:
    """Raise Invalid for filters and cursors, which the lines of a failure have none of."""
    if wrong := {name: "Must not be given with view=failure_only." for name, value in given.items() if value is not None}:
        raise Invalid(wrong)


def failure_log(found: FailureLog, limit: int, shown: RenderLine) -> dict[str, Any]:
    """The lines that only a failing test's log has, with what it was compared with."""
    return {
        "data": [shown(each.line) | {"line": each.number, "is_new": each.is_new} for each in found.difference.lines],
        "pagination": {"limit": limit, "next_cursor": None},
        "compared": {
            "by": found.by.value, "is_complete": found.difference.is_complete, "omitted_count": found.difference.omitted_count,
            "logs": [{"run_id": run_id, "regression_id": regression_id} for run_id, regression_id in found.compared]}}


def log_line(run: Run, line: LogLine) -> dict[str, Any]:
    """One entry of a run's log; where no line has told a time yet, the run's start stands in."""
    shown = {
        "timestamp": line.facts.at or run.started_at or run.created_at, "level": line.facts.level.value,
        "source": line.facts.source.value, "message": line.message, "run_id": run.run_id}
    return shown | ({"continued": True} if line.continued else {})


def subject_of(run_id: int) -> str:
    """What a cursor of a run's log is made for."""
    return f"run {run_id}"


def cursor_of(log: Readable, subject: str, place: LogPlace) -> str:
    """The cursor of a place in a log."""
    log_fingerprint = fingerprint(log.read(0, FINGERPRINT_BYTES), place.offset)
    if isinstance(log, Section):
        place = replace(place, part=log.part)
    return make_cursor(place, subject, log_fingerprint, request_context.collaborator(SigningKey))


def place_of(log: Readable, subject: str, cursor: str) -> LogPlace:
    """The place that a cursor leads to. Raises Invalid where it is not this log's, or the log was replaced by another."""
    place, log_fingerprint = read_cursor(cursor, subject, request_context.collaborator(SigningKey))
    if place.offset > log.size or log_fingerprint != fingerprint(log.read(0, FINGERPRINT_BYTES), place.offset):
        raise stale_cursor()
    return place


def log_page(
    log: Readable, subject: str, cursor: str | None, limit: int, wanted: LogFilter, shown: RenderLine, *, grows: bool = False,
) -> dict[str, Any]:
    """The next lines of a log that are wanted, with the cursor that leads on from them; always with one while the log grows."""
    start = LogPlace() if cursor is None else place_of(log, subject, cursor)
    return _page_from(log, subject, start, limit, wanted, shown, grows=grows)


def _page_from(
    log: Readable, subject: str, start: LogPlace, limit: int, wanted: LogFilter, shown: RenderLine, *, grows: bool,
) -> dict[str, Any]:
    found = logs.read_page(log, start, limit, wanted, grows=grows)
    following = None if found.next is None else cursor_of(log, subject, found.next)
    return {"data": [shown(line) for line in found.lines], "pagination": {"limit": limit, "next_cursor": following}}


def _section(log: Readable, known: LogPart | None, run_id: int, regression_id: int) -> Section:
    """A test's part of a run's log; `known` is what a cursor says of it, so that it need not be looked for again."""
    section = find_section(log, regression_id) if known is None else section_of(log, known)
    if section is None:
        raise LogNotFound(run_id, request_context.collaborator(Archive).stores)
    return section


@contextmanager
def _held_log(run_id: int) -> Iterator[Readable]:
    """The run's log as it is now, however often its worker sends it anew meanwhile."""
    archive = request_context.collaborator(Archive)
    with archive.hold(paths.log_name(run_id)) as log:
        if log is None:
            raise LogNotFound(run_id, archive.stores)
        yield log
