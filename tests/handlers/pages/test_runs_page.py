"""The list of runs: how it is narrowed, as a grid, and how it goes on."""
from __future__ import annotations

import pytest

from tests.builders import add_finished_run, add_regression_test, add_run
from tests.handlers.pages.conftest import failing_run
from tests.handlers.site import Client, Site


def test_runs_are_filtered(page: Client, site: Site) -> None:
    test = add_regression_test()
    passed, failed = add_finished_run(test), failing_run(site, test)

    shown = page.get("/runs", params={"status": "fail", "platform": "", "branch": "", "commit": "", "pull_request": ""}).text

    assert f'href="/runs/{failed}"' in shown and f'href="/runs/{passed}"' not in shown


@pytest.mark.parametrize("commit", ["a" * 7, "A" * 39, "a" * 40])
def test_runs_of_a_commit_are_found_by_the_beginning_of_its_hash(page: Client, commit: str) -> None:
    runs = [add_run(commit=each * 40) for each in "9ab"]

    shown = page.get(f"/runs?commit={commit}").text

    assert [f'href="/runs/{run}"' in shown for run in runs] == [False, True, False]
    assert f'value="{commit}"' in shown


@pytest.mark.parametrize("commit", ["a" * 6 + "b", "f" * 7, "0" * 40])
def test_no_run_is_of_a_commit_that_does_not_begin_so(page: Client, commit: str) -> None:
    add_run(commit="a" * 40)

    assert "No run is like that." in page.get(f"/runs?commit={commit}").text


def test_a_grid_has_a_row_for_each_commit(page: Client) -> None:
    add_run(commit="a" * 40)
    add_run(commit="a" * 40, platform="windows")
    add_run(commit="b" * 40)

    shown = page.get("/runs?view=grid").text

    assert shown.count("<code>aaaaaaaa</code>") == 1 and shown.count("<code>bbbbbbbb</code>") == 1


def test_a_long_list_goes_on(page: Client) -> None:
    runs = [add_run() for _ in range(51)]

    first = page.get("/runs").text
    follow = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = page.get(follow).text

    assert f'href="/runs/{runs[0]}"' not in first and f'href="/runs/{runs[0]}"' in second
