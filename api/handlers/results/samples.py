"""Operations on samples: the results of a run, the media library, histories, regression tests."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.catalog.change import version_of
from api.domain.catalog.media_info import SIZE_LIMIT, MediaInfo, Unreadable, parse_media_info
from api.domain.catalog.regression_test import RegressionTestFilter
from api.domain.catalog.sample import UNLABELLED, SampleFilter, SampleStatus
from api.domain.errors import Unavailable
from api.domain.page import slice_page
from api.domain.results.history import HistoryFilter, runtime_series
from api.domain.results.result import JudgedTest, Verdict
from api.domain.results.sample_lookup import choose_test
from api.domain.results.sample_result import RunSampleFilter, select_tests
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.trigger import RunPolicy
from api.domain.text.tail import TAIL_BYTES
from api.handlers.runs.runs import api_base
from api.rendering import library as render_library
from api.rendering import runs as render_runs
from api.rendering import runtimes as render_runtimes
from api.rendering import samples as render_samples
from api.rendering.log_tails import read_tail
from api.rendering.timestamps import parse_instant
from api.services.catalog.library_samples import KeptSample, load_kept_sample
from api.services.results import verdicts
from api.services.results.stability import find_stability
from api.specfirst import request_context
from api.specfirst.responses.stored_answers import UnmadeAnswer
from api.storage.catalog import regression_tests, samples
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.results import history


def list_run_samples(
    run: Run, limit: int, offset: int, status: str | None = None, name: str | None = None, tag: str | None = None,
    category: str | None = None,
) -> dict[str, Any]:
    """List the results of everything that a run is to execute."""
    tests = verdicts.judge_run(run).tests
    labels = samples.load_labels({test.test.sample_id for test in tests})
    found = select_tests(tests, RunSampleFilter(Verdict(status) if status else None, name, tag, category), labels)
    return render_runs.page(slice_page(found, limit, offset), lambda test: render_samples.run_sample(
        run.run_id, test, labels.get(test.test.sample_id, UNLABELLED).tags))


def get_run_sample(run: Run, sample_id: int, regression_id: int | None = None) -> dict[str, Any]:
    """Show one result of a run, with the end of what the program itself printed."""
    test = choose_test(verdicts.judge_run(run).tests, sample_id, regression_id)
    shown = render_samples.run_sample(run.run_id, test, samples.load_tags(test.test.sample_id))
    return shown | {"output_tail": _tail(run.run_id, test.test.regression_id), "links": _links(run.run_id, test)}


def list_samples(
    limit: int, offset: int, status: str | None = None, name: str | None = None, tag: str | None = None,
    sha256: str | None = None, extension: str | None = None,
) -> dict[str, Any]:
    """List the media samples."""
    wanted = SampleFilter(SampleStatus(status) if status else None, name, tag, sha256, extension)
    return render_runs.page(samples.list_samples(wanted, limit=limit, offset=offset), render_samples.sample)


def get_sample(sample_id: int) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Show a media sample, with what MediaInfo told of it."""
    return shown_sample(load_kept_sample(sample_id))


def shown_sample(kept: KeptSample) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer that shows a sample with its media info; its ETag is the version of what can be edited."""
    headers = {"ETag": version_of(kept.values)}
    try:
        return render_library.kept_sample(kept, load_media_info(kept.sample.sha)), HTTPStatus.OK, headers
    except Unreadable:
        return render_library.kept_sample(kept, None, readable=False), HTTPStatus.OK, headers


def list_sample_history(
    sample_id: int, limit: int, offset: int, status: str | None = None, result_status: str | None = None,
    regression_id: int | None = None, branch: str | None = None, platform: str | None = None,
    created_after: str | None = None, created_before: str | None = None,
) -> dict[str, Any]:
    """List how the regression tests of a sample fared, newest run first."""
    wanted = HistoryFilter(
        run_status=RunStatus(status) if status else None, verdict=Verdict(result_status) if result_status else None,
        regression_id=regression_id, branch=branch, platform=Platform(platform) if platform else None,
        created_after=parse_instant("created_after", created_after), created_before=parse_instant("created_before", created_before))
    regression_ids = regression_tests.regression_ids_of(sample_id)
    if not regression_ids:
        samples.check_sample(sample_id)
    found = history.list_history(regression_ids, wanted, limit=limit, offset=offset)
    shown = render_runs.page(found, lambda entry: render_samples.history_entry(entry, sample_id))
    return shown | {"runtimes": [render_runtimes.runtime_series(each) for each in runtime_series(found.items)]}


def get_stability(regression_id: int, platform: str | None = None) -> dict[str, Any]:
    """Say whether a regression test is the same each time."""
    regression_tests.load_regression_test(regression_id)
    main_repository = request_context.collaborator(RunPolicy).main_repository
    found, count = find_stability(regression_id, Platform(platform) if platform else None, main_repository)
    return render_samples.stability(regression_id, found, count)


def list_regression_tests(
    limit: int, offset: int, active: bool | None = None, category: str | None = None, tag: str | None = None,
    sample_id: int | None = None,
) -> UnmadeAnswer:
    """List the definitions of regression tests."""
    wanted = RegressionTestFilter(active, category, tag, sample_id)
    found, version = regression_tests.list_tests_with_version(wanted, limit=limit, offset=offset)
    files = request_context.collaborator(Archive).look(render_samples.baseline_names(found.items))
    return UnmadeAnswer(
        (version, *((each.status, each.size) for each in files.values())),
        lambda: render_runs.page(found, lambda test: render_samples.regression_test(test, files)))


def _tail(run_id: int, regression_id: int) -> str | None:
    return read_tail(request_context.collaborator(Archive), paths.test_log_name(run_id, regression_id), TAIL_BYTES)


def _links(run_id: int, test: JudgedTest) -> dict[str, str]:
    wanted = test.test
    found = request_context.collaborator(Archive).look([paths.test_log_name(run_id, wanted.regression_id), paths.log_name(run_id)])
    if not any(place.where for place in found.values()):
        return {}
    return {"log": f"{api_base()}/runs/{run_id}/samples/{wanted.sample_id}/logs?regression_id={wanted.regression_id}"}


def load_media_info(digest: str) -> MediaInfo | None:
    """What MediaInfo told of a sample; None where nothing is stored. Raises Unreadable."""
    try:
        file = request_context.collaborator(Archive).open(paths.media_info_name(digest))
    except Unavailable as away:
        raise Unreadable("its store does not answer") from away
    return None if file is None else parse_media_info(file.read(0, SIZE_LIMIT + 1))
