"""Operations on samples and regression tests, as the Sample Platform has them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from api.domain.catalog.catalog import Catalog
from api.domain.catalog.media_info import MediaInfo, Unreadable
from api.domain.catalog.regression_test import RegressionTest, RegressionTestFilter
from api.domain.catalog.sample import UNLABELLED, Sample, SampleFilter, SampleStatus
from api.domain.errors import NotFound
from api.domain.files.content_type import OCTETS
from api.domain.files.storage_status import StorageStatus
from api.domain.page import slice_page
from api.domain.results.history import HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.expected_tests import ExpectedOutput
from api.domain.runs.run import Platform
from api.handlers.platform.parameters import parse_flag, parse_instant
from api.handlers.results.samples import load_media_info
from api.rendering.platform import library as render
from api.rendering.platform.runs import page
from api.specfirst import request_context
from api.storage.catalog import labels, regression_tests, sample_rows, samples, shelves
from api.storage.catalog.catalog import load_catalog
from api.storage.catalog.labels import Label
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.results import history

Json = dict[str, Any]

# No library has more tags or categories, which are few and are put in order here.
MOST_LABELS = 10_000


def platform_list_samples(
    limit: int, offset: int, status: str | None = None, name: str | None = None, tag: str | None = None, sha256: str | None = None,
    extension: str | None = None,
) -> Json:
    """List the media samples."""
    wanted, catalog = SampleFilter(SampleStatus(status) if status else None, name, tag, sha256, extension), load_catalog()
    counts, tags = _test_counts(catalog), shelves.load_tag_ids()
    return page(
        slice_page(catalog.find_samples(wanted), limit, offset), lambda found: render.sample(found, counts[found.sample_id], tags))


def platform_get_sample(sample_id: int) -> Json:
    """Show a media sample."""
    return render.sample(samples.load_sample(sample_id), _test_counts(load_catalog())[sample_id], shelves.load_tag_ids())


def _test_counts(catalog: Catalog) -> Counter[int]:
    return Counter(test.definition.sample_id for test in catalog.tests if test.active)


def platform_get_sample_details(sample_id: int) -> Json:
    """Show all that is known of a media sample."""
    found = samples.load_sample(sample_id)
    return render.sample_details(
        found, shelves.load_tag_ids(), shelves.find_arrival(sample_id), sample_rows.list_extra_files(sample_id), _media_info(found))


def _media_info(found: Sample) -> MediaInfo | None:
    try:
        return load_media_info(found.sha)
    except Unreadable:
        return None


def platform_download_sample(sample_id: int) -> Json:
    """Say where a sample's file is."""
    found = samples.load_sample(sample_id)
    return _stored(paths.sample_name(found.sha, found.extension), "sample", sample_id)


def platform_download_media_info(sample_id: int) -> Json:
    """Say where a sample's media info is."""
    return _stored(paths.media_info_name(samples.load_sample(sample_id).sha), "media_info", sample_id)


def platform_download_extra_file(sample_id: int, extra_id: int) -> Json:
    """Say where a sample's further file is."""
    found = sample_rows.load_extra_file(sample_id, extra_id)
    return _stored(paths.extra_file_name(samples.load_sample(sample_id).sha, found.extra_id, found.extension), "extra_file", extra_id)


def platform_download_baseline(regression_test_id: int, output_id: int) -> Json:
    """Say where a baseline is."""
    output = _output(_test(regression_test_id), output_id)
    return _stored(paths.result_name(output.baseline, output.extension), "output_file", output_id)


def platform_download_variant(regression_test_id: int, output_id: int, variant_id: int) -> Json:
    """Say where an output is that is as good as the baseline."""
    output = _output(_test(regression_test_id), output_id)
    for found in shelves.load_variants([output_id]).get(output_id, ()):
        if found.variant_id == variant_id:
            return _stored(paths.result_name(found.digest, output.extension), "output_file", variant_id)
    raise NotFound("variant", variant_id, remedy="GET /regression-tests/{regression_test_id} lists them.")


def _stored(name: str | None, resource: str, id: int) -> Json:
    archive = request_context.collaborator(Archive)
    place = archive.look([name]).get(name or "")
    if name is None or place is None or place.status is StorageStatus.MISSING:
        raise NotFound(resource, id, remedy="The file is in none of the stores.")
    return render.stored_file(name, place, archive.link(name, place, name.rpartition("/")[2], OCTETS))


def platform_list_sample_history(
    sample_id: int, limit: int, offset: int, regression_test_id: int | None = None, status: str | None = None, branch: str | None = None,
    platform: str | None = None, created_after: str | None = None, created_before: str | None = None,
) -> Json:
    """List what became of the regression tests of a sample, newest run first."""
    wanted = HistoryFilter(
        verdict=Verdict(status) if status else None, with_result=True, regression_id=regression_test_id, branch=branch,
        platform=Platform(platform) if platform else None,
        created_after=parse_instant("created_after", created_after), created_before=parse_instant("created_before", created_before))
    regression_ids = regression_tests.regression_ids_of(sample_id)
    if not regression_ids:
        samples.check_sample(sample_id)
    return page(history.list_history(regression_ids, wanted, limit=limit, offset=offset), render.history_entry)


def platform_list_regression_tests(
    limit: int, offset: int, active: str | None = None, category: str | None = None, tag: str | None = None, sample_id: int | None = None,
) -> Json:
    """List the regression tests; the active ones unless asked otherwise."""
    is_active, catalog = parse_flag(active), load_catalog()
    wanted = RegressionTestFilter(True if is_active is None else is_active, category, tag, sample_id)
    found = slice_page(catalog.find_tests(wanted), limit, offset)
    return page(found, lambda test: _shown(catalog, test))


def platform_get_regression_test(regression_test_id: int) -> Json:
    """Show a regression test with its outputs."""
    found = _test(regression_test_id)
    outputs = found.definition.outputs[:render.OUTPUT_LIMIT]
    variants = shelves.load_variants([output.output_id for output in outputs])
    return _shown(load_catalog(), found) | {"outputs": [render.output(output, variants) for output in outputs]}


def _shown(catalog: Catalog, test: RegressionTest) -> Json:
    return render.regression_test(test, catalog.labels.get(test.definition.sample_id, UNLABELLED).name)


def _test(regression_id: int) -> RegressionTest:
    found = next((test for test in load_catalog().tests if test.definition.regression_id == regression_id), None)
    if found is None:
        raise NotFound("regression_test", regression_id, remedy="List regression tests with GET /regression-tests.")
    return found


def _output(test: RegressionTest, output_id: int) -> ExpectedOutput:
    found = next((each for each in test.definition.outputs if each.output_id == output_id), None)
    if found is None:
        raise NotFound("output", output_id, remedy="GET /regression-tests/{regression_test_id} lists a test's outputs.")
    return found


def platform_list_categories(limit: int, offset: int) -> Json:
    """List the groups of regression tests."""
    return page(slice_page(_by_name(labels.list_categories(limit=MOST_LABELS, offset=0).items), limit, offset), render.category)


def platform_list_tags(limit: int, offset: int) -> Json:
    """List the words that samples are found by."""
    return page(slice_page(_by_name(labels.list_tags(limit=MOST_LABELS, offset=0).items), limit, offset), render.tag)


def _by_name(found: Sequence[Label]) -> list[Label]:
    return sorted(found, key=lambda label: (label.name, label.label_id))
