"""Operations on the outputs of a run, as the Sample Platform has them."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.diffs.channel import View
from api.diffs.pool import DiffPool
from api.domain.errors import MissingOutput
from api.domain.results.output import RunOutput
from api.domain.runs.run import Run
from api.domain.text.diff import DiffStatus
from api.handlers.results.outputs import UNIFIED, content_of, find_output, locate_output, open_output
from api.rendering.platform import outputs as render
from api.rendering.results import Compared
from api.specfirst import request_context

Json = dict[str, Any]


def platform_get_expected_output(run: Run, sample_id: int, regression_id: int, output_id: int, format: str) -> Json:
    """Show the baseline that an output of a run was compared with."""
    found = find_output(run, sample_id, regression_id, output_id)
    return _show(run, found, found.baseline, format)


def platform_get_actual_output(
    run: Run, sample_id: int, regression_id: int, output_id: int, format: str,
) -> Json | tuple[None, int, dict[str, str]]:
    """Show an output as the run produced it; where it is the baseline, lead there."""
    found = find_output(run, sample_id, regression_id, output_id)
    if found.produced is None:
        raise MissingOutput
    if found.is_baseline:
        return None, HTTPStatus.SEE_OTHER, {"Location": f"expected?format={format}"}
    return _show(run, found, found.produced, format)


def platform_get_diff(run: Run, sample_id: int, regression_id: int, output_id: int, context_lines: int, format: str) -> Json:
    """Compare an output with its baseline."""
    found = find_output(run, sample_id, regression_id, output_id)
    shown, unified = Compared(run.run_id, found, None), format == UNIFIED
    if found.is_baseline:
        return render.same(shown, DiffStatus.IDENTICAL, unified=unified)
    actual = None if found.produced is None else open_output(found, found.produced)
    if actual is None:
        return render.same(shown, DiffStatus.MISSING_ACTUAL, unified=unified)
    expected = open_output(found, found.baseline)
    if expected is None:
        return render.same(shown, DiffStatus.MISSING_EXPECTED, unified=unified)
    view = View(context_lines, unified, found.patched_name)
    return render.diff(shown, request_context.collaborator(DiffPool).compare(expected, actual, view), unified=unified)


def _show(run: Run, found: RunOutput, digest: str, format: str) -> Json:
    source, place, url = locate_output(found, digest)
    return render.output_file(Compared(run.run_id, found, None), digest, content_of(source, format), source, place, url)
