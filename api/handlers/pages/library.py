"""Operations of the pages of the library: a sample, and a regression test through all runs."""
from __future__ import annotations

from typing import Any

import flask

from api.domain.captions.words import words
from api.domain.catalog.regression_test import RegressionTestFilter
from api.domain.results.history import HistoryFilter
from api.handlers.pages.answering import show
from api.rendering.pages.history import strips_of
from api.services.results.stability import find_stability
from api.specfirst import request_context
from api.storage.catalog import regression_tests, samples
from api.storage.results.history import list_history, list_newest
from api.storage.results.occurrences import list_steps

HISTORY, STEPS, SHOWN_TESTS = 80, 20, 100


def sample_page(sample_id: int) -> flask.Response:
    """Show a sample, and how its regression tests fared lately."""
    sample = samples.load_sample(sample_id)
    tests = regression_tests.list_regression_tests(RegressionTestFilter(sample_id=sample_id), limit=SHOWN_TESTS, offset=0)
    newest = list_newest([test.definition.regression_id for test in tests.items])
    return show("sample.html", sample=sample, tests=tests, newest=newest)


def regression_test_page(regression_id: int) -> flask.Response:
    """Show a regression test: whether it is flaky, how it fared, and where its output changed."""
    test = regression_tests.load_regression_test(regression_id)
    return show("regression_test.html", test=test, **past_of(regression_id))


def past_of(regression_id: int) -> dict[str, Any]:
    """How a regression test fared so far, as two pages show it."""
    stability, result_count = find_stability(regression_id, None, request_context.values().main_repository)
    steps = list_steps(regression_id, platform=None, branch=None, limit=STEPS)
    history = list_history([regression_id], HistoryFilter(), limit=HISTORY, offset=0)
    return {
        "strips": strips_of(history.items, {step.run.run_id for step in steps}), "stability": stability, "result_count": result_count,
        "steps": [(step, ", ".join(dict.fromkeys(words(fact) for fact in step.facts[:2]))) for step in steps]}
