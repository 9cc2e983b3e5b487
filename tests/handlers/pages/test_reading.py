"""What the pages show."""
from __future__ import annotations

import shutil
from unittest.mock import Mock

import pytest
from jinja2 import Environment

from api.domain.auth.access import Role
from api.domain.errors import Unavailable
from api.domain.runs.run import Phase
from api.handlers.pages import overview
from api.rendering.pages import template
from tests.builders import add_event, add_finished_run, add_regression_test, add_result_with_output, add_run, digest_of
from tests.handlers.conftest import MakeSite
from tests.handlers.pages.conftest import ACTUAL, EXPECTED, Reader, failing_run
from tests.handlers.site import Client, Site

MARKUP = "<script>alert(1)</script>"


def test_the_front_page_shows_red_runs_main_and_the_queue(page: Client, site: Site) -> None:
    red, waiting = failing_run(site, add_regression_test()), add_run()

    shown = page.get("/").text

    assert f'href="/runs/{red}"' in shown and f'href="/runs/{waiting}"' in shown
    assert "1 of 1 failed" in shown and "main on linux" in shown
    assert "<strong>1</strong> waiting" in shown


def test_an_empty_server_has_a_front_page(page: Client) -> None:
    shown = page.get("/")

    assert shown.status_code == 200
    assert "No run is red." in shown.text
    assert "There is no run yet." in page.get("/runs").text
    assert "No run is like that." in page.get("/runs", params={"branch": "none"}).text


def test_the_front_page_says_what_is_not_well(page: Client, make_site: MakeSite) -> None:
    site = make_site(public_results=True)
    shutil.rmtree(site.files / "TempFiles")
    (site.files / "TempFiles").write_bytes(b"in the way")

    unwell = site.client._http.get("/").text

    assert "File store: The file store cannot be written to." in unwell
    assert "cannot be written" not in page.get("/").text


def test_no_reader_waits_for_templates_to_be_compiled(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    template._templates.cache_clear()
    site = make_site(public_results=True)
    monkeypatch.setattr(Environment, "compile", None)

    shown = [site.client._http.get(path).status_code for path in ("/", "/runs", "/login", "/runs/1")]

    assert shown == [200, 200, 200, 404]


def test_a_pull_request_shows_its_runs_and_what_the_newest_breaks(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test, pull_request=7)

    shown = page.get("/pull-requests/7").text

    assert f'href="/runs/{run_id}"' in shown and f'href="/runs/{run_id}/tests/{test.regression_id}"' in shown


def test_a_run_shows_its_failures_and_all_tests_when_asked(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test)

    shown, everything = page.get(f"/runs/{run_id}").text, page.get(f"/runs/{run_id}?by=test").text

    assert "1 failure" in shown and "OUTPUT_DIFF" in shown and "All tests (1)" in shown
    assert "OUTPUT_DIFF" not in everything and "-out=srt" in everything


def test_a_run_leads_to_the_one_before_and_after_it(page: Client, site: Site) -> None:
    test = add_regression_test()
    runs = [add_finished_run(test) for _ in range(3)]

    shown = page.get(f"/runs/{runs[1]}").text

    assert f'rel="prev" href="/runs/{runs[0]}"' in shown and f'rel="next" href="/runs/{runs[2]}"' in shown


def test_a_test_shows_both_outputs_beside_each_other_and_the_changed_cues(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}").text

    assert "every cue is shown 40 ms later" in shown
    assert "&lt;b&gt;" in shown and "<mark>" in shown
    assert "00:00:01.040 → 00:00:02.040" in shown


@pytest.mark.parametrize("actual", [b"\x00\x01binary", b"", b"1\n" * 3000, b"x" * 5000])
def test_any_output_can_be_shown(page: Client, site: Site, actual: bytes) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test, actual=actual)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}")

    assert shown.status_code == 200
    assert len(shown.content) < 150_000


def test_bytes_are_shown_one_by_one(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test, actual=b"\x00\x01binary")

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}").text

    assert "<code>00 01 62 69 6e 61 72 79</code>" in shown


def test_what_others_wrote_stays_text(page: Client, site: Site) -> None:
    test = add_regression_test(command=MARKUP)
    run_id = failing_run(site, test, actual=MARKUP.encode(), branch=MARKUP)

    shown = "".join(page.get(path).text for path in (
        "/", "/runs", "/runs?view=grid", f"/runs/{run_id}?by=test", f"/runs/{run_id}/tests/{test.regression_id}"))

    assert "&lt;script&gt;" in shown and MARKUP not in shown


@pytest.mark.parametrize("path", [
    "/runs/999", "/runs/999/tests/1", "/pull-requests/999", "/samples/999", "/regression-tests/999", "/runs/999/log"])
def test_what_is_not_there_has_a_page_that_says_so(page: Client, path: str) -> None:
    answer = page.get(path)

    assert answer.status_code == 404
    assert "Not found" in answer.text


@pytest.mark.parametrize(("raised", "status", "words"), [
    (RuntimeError("nobody is to read this"), 500, "The server&#39;s log says why"),
    (Unavailable("The store is away."), 503, "The store is away.")])
def test_a_page_that_cannot_be_made_says_so_and_can_be_asked_for_again(
    page: Client, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int, words: str,
) -> None:
    monkeypatch.setattr(overview, "load_test_counts", Mock(side_effect=raised))

    answer = page._http.get("/runs", headers=page._headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text and '<a href="">Try again</a>' in answer.text
    assert "nobody is to read this" not in answer.text


def test_a_value_that_cannot_be_is_named(page: Client) -> None:
    shown = page.get("/runs", params={"status": "nonsense"})

    assert shown.status_code == 400
    assert "<code>status</code>" in shown.text and "Try again" not in shown.text
    assert "Must be one of queued, " in shown.text


def test_tests_that_did_not_run_did_not_pass(page: Client) -> None:
    run_id = add_run(tests=[add_regression_test().regression_id], pull_request=7)
    add_event(run_id, Phase.CANCELED, "Canceled by ada: superseded")

    shown = [page.get(path).text for path in ("/runs", f"/runs/{run_id}", "/pull-requests/7")]

    assert "0 of 1 passed" in shown[0]
    assert all("Nothing failed. 1 test was not run." in each for each in shown[1:])


def test_a_test_that_is_not_of_the_run_is_not_found(page: Client) -> None:
    run_id = add_finished_run(add_regression_test())

    assert page.get(f"/runs/{run_id}/tests/4711").status_code == 404


@pytest.mark.parametrize(("old", "new"), [
    ("/test/5", "/runs/5"), ("/test/diff/5/7/9", "/runs/5/tests/7?output_id=9"), ("/test/log-files/5", "/runs/5/log"),
    (f"/test/commit/{'a' * 40}", f"/runs?commit={'a' * 40}"), ("/sample/5", "/samples/5"),
    ("/regression/test/5/view", "/regression-tests/5")])
def test_addresses_of_the_platform_lead_on(page: Client, old: str, new: str) -> None:
    assert page.get(old).headers["location"] == new


def test_a_policy_lets_no_script_of_a_page_run(page: Client) -> None:
    policy = page.get("/").headers["content-security-policy"]

    assert "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy


def test_a_test_that_has_not_ended_has_a_page(page: Client) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}").text

    assert "This test has not been run yet." in shown


def test_an_output_is_compared_with_the_bases(page: Client, site: Site) -> None:
    test = add_regression_test()
    failing_run(site, test, actual=b"other\n")
    run_id = failing_run(site, test)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}", params={"against": "base"}).text

    assert "Compare with the baseline" in shown and "other" in shown


def test_without_a_base_there_is_nothing_to_compare_with(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test)

    assert "base" in page.get(f"/runs/{run_id}/tests/{test.regression_id}", params={"against": "base"}).text


def test_a_hash_that_is_none_is_no_fault(page: Client) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    add_event(run_id, Phase.TESTING)
    add_result_with_output(run_id, test, got=digest_of("nowhere"), expected=digest_of("nothing"))
    add_event(run_id, Phase.COMPLETED)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}")

    assert shown.status_code == 200
    assert "is not there" in shown.text or "was not written" in shown.text


def test_failures_are_listed_by_category(page: Client, site: Site) -> None:
    run_id = failing_run(site, add_regression_test(categories=["Teletext"]))

    assert '<strong class="plain">Teletext</strong>' in page.get(f"/runs/{run_id}?by=category").text


def test_changed_cues_are_counted_where_not_all_are_listed(page: Client, site: Site) -> None:
    test = add_regression_test()
    more = b"".join(
        b"\n%d\n00:%02d:%02d,000 --> 00:%02d:%02d,900\nline\n" % (number, number // 60, number % 60, number // 60, number % 60)
        for number in range(3, 123))
    run_id = failing_run(site, test, actual=EXPECTED + more)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}").text

    assert "120 changed cues</h3>, of which the first 100 are listed" in shown


def test_cues_stand_on_a_timeline_that_needs_no_script(page: Client, site: Site) -> None:
    test = add_regression_test()
    run_id = failing_run(site, test)

    shown = page.get(f"/runs/{run_id}/tests/{test.regression_id}").text

    assert 'data-op="changed"' in shown and "40 at most" in shown and " style=" not in shown


def test_a_sample_shows_its_tests_and_a_test_how_it_fared(page: Client, site: Site) -> None:
    test = add_regression_test(description=MARKUP)
    run_id = failing_run(site, test)

    sample, shown = page.get(f"/samples/{test.sample_id}").text, page.get(f"/regression-tests/{test.regression_id}").text

    assert f'href="/regression-tests/{test.regression_id}"' in sample and f'href="/runs/{run_id}/tests/{test.regression_id}"' in sample
    assert f'href="/runs/{run_id}/tests/{test.regression_id}"' in shown and "Not known to be flaky" in shown
    assert MARKUP not in shown


def test_a_test_that_came_to_something_else_for_the_same_commit_is_flaky(page: Client, site: Site) -> None:
    test = add_regression_test()
    runs = [failing_run(site, test, actual=content, commit="c" * 40) for content in (ACTUAL, b"other\n")]

    shown = page.get(f"/regression-tests/{test.regression_id}").text

    assert "Flaky: the same commit came to something else" in shown
    assert all(f'/runs/{run_id}/tests/{test.regression_id}">{run_id}</a>' in shown for run_id in runs)


def test_pages_name_no_document_for_programs(page: Client) -> None:
    assert "link" not in page.get("/runs").headers


def test_a_run_leads_to_those_before_and_after_it_on_its_branch_and_platform(reader: Reader) -> None:
    first, _, middle, last = (add_run(platform=platform) for platform in ("linux", "windows", "linux", "linux"))
    holder = reader(Role.USER)

    pages = [holder.get(f"/runs/{run_id}").text for run_id in (first, middle, last)]

    assert [f'rel="prev" href="/runs/{first}"' in pages[1], f'rel="next" href="/runs/{last}"' in pages[1]] == [True, True]
    assert ['rel="prev"' in pages[0], 'rel="next"' in pages[2]] == [False, False]
