"""Operations of the pages of logs, which are shown around a line, or searched."""
from __future__ import annotations

from typing import Any

import flask

from api.domain.runs.run import Run
from api.handlers.pages.answering import show
from api.rendering.pages.log_text import shown_lines
from api.specfirst import request_context
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.jobs.artifacts import Nothing
from api.storage.text.log_lines import find_lines, read_lines
from api.storage.text.log_windows import Readable

LINES, BEFORE, MATCHES = 300, 20, 100


def run_log_page(run: Run, q: str, first: int, line: int | None = None) -> flask.Response:
    """Show the log of a run."""
    with request_context.collaborator(Archive).hold(paths.log_name(run.run_id)) as log:
        return show("run_log.html", run=run, has_log=log is not None, log=part_of(log or Nothing(), q, first, line))


def part_of(log: Readable, words: str, first: int, line: int | None) -> dict[str, Any]:
    """What a page shows of a log: the lines with some words, else those around one line, else those from the first one on."""
    asked = {"words": words, "line": line}
    if words and line is None:
        found = find_lines(log, words, first, MATCHES)
        return asked | {"lines": shown_lines(found.lines, words), "next": found.next, "is_search": True}
    begin = first if line is None else max(1, line - BEFORE)
    excerpt = read_lines(log, begin, LINES)
    lines = shown_lines(excerpt.lines, words, line)
    end = lines[-1].number if lines else 0
    return asked | {
        "lines": lines, "next": end + 1 if end < excerpt.total else None, "is_search": False, "total": excerpt.total,
        "is_counted": excerpt.is_counted, "before": max(1, lines[0].number - LINES) if lines and lines[0].number > 1 else None}
