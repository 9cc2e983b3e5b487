"""Pages of logs, and of jobs: lines by number, words that the server looks for, and what a reader may see."""
from __future__ import annotations

import re

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.jobs.job import JobStatus
from tests.builders import NOW, add_run, add_token
from tests.handlers.pages.conftest import SAME_ORIGIN, Reader
from tests.handlers.site import Client, Site
from tests.submitted_jobs import add_job, keep_artifacts, write_log

MARKUP = "<script>alert(1)</script>"
LONG = b"".join(b"test_%d passed\n" % number for number in range(1, 54_321)) + b"test_last FAILED\n" + b"after\n" * 45_679
REPORT = {
    "tests": 2, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.5,
    "failed": [{"name": f"test_{MARKUP}", "classname": "suite", "message": MARKUP}]}


def numbers(page: str) -> list[int]:
    """The lines that a page shows."""
    return [int(found) for found in re.findall(r'<li id="L([0-9]+)">', page)]


@pytest.fixture
def job(site: Site) -> str:
    """A job of a tester, which did not pass and wrote 100,000 lines."""
    job_id = add_job(site.account(Role.TESTER), JobStatus.COMPLETED, exit_code=1, project="sums", branch=MARKUP)
    write_log(site.files, job_id, LONG)
    keep_artifacts(site.files, job_id, {f"{MARKUP}.txt": b"x"}, junit=REPORT)
    return job_id


def write_run_log(site: Site, run_id: int, content: bytes) -> None:
    path = site.files / "LogFiles" / f"{run_id}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_jobs_are_listed_and_filtered(site: Site, reader: Reader, job: str) -> None:
    other = add_job(site.account(Role.TESTER), JobStatus.QUEUED, at=NOW)
    holder = reader(Role.TESTER)

    everything, queued = holder.get("/view/jobs").text, holder.get("/view/jobs?status=queued&project=&branch=").text

    assert f"/view/jobs/{job}" in everything and f"/view/jobs/{other}" in everything
    assert f"/view/jobs/{job}" not in queued and f"/view/jobs/{other}" in queued


def test_a_long_list_of_jobs_goes_on(site: Site, reader: Reader) -> None:
    made = [add_job(site.account(Role.TESTER), JobStatus.QUEUED) for _ in range(51)]
    holder = reader(Role.TESTER)

    first = holder.get("/view/jobs").text
    follow = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")

    shown = re.findall(r"/view/jobs/([0-9a-f-]{36})", first + holder.get(follow).text)
    assert sorted(shown) == sorted(made)


def test_a_job_shows_what_failed_and_leads_to_its_line(reader: Reader, job: str) -> None:
    holder = reader(Role.TESTER)

    page, found = holder.get(f"/view/jobs/{job}").text, holder.get(f"/view/jobs/{job}", params={"q": "test_last failed"}).text

    assert "not passed" in page and "2, 1 failed" in page and "of 100,000" in page
    assert f"/view/jobs/{job}?line=54321&amp;q=test_last%20failed#L54321" in found and "<mark>test_last FAILED</mark>" in found


def test_a_line_is_shown_with_those_around_it(reader: Reader, job: str) -> None:
    page = reader(Role.TESTER).get(f"/view/jobs/{job}?line=54321").text

    assert numbers(page) == list(range(54_301, 54_601))
    assert len(page.encode()) < 150_000


def test_a_line_behind_the_end_is_the_last_one(reader: Reader, job: str) -> None:
    assert numbers(reader(Role.TESTER).get(f"/view/jobs/{job}?line=999999").text) == [100_000]


def test_lines_lead_on_in_both_directions(reader: Reader, job: str) -> None:
    page = reader(Role.TESTER).get(f"/view/jobs/{job}?first=1001").text

    assert numbers(page)[0] == 1_001
    assert "?first=701#log" in page and "?first=1301#log" in page


def test_a_search_with_many_hits_goes_on(reader: Reader, job: str) -> None:
    holder = reader(Role.TESTER)

    first, second = (holder.get(f"/view/jobs/{job}?q=passed&first={line}").text for line in (1, 101))

    assert "?q=passed&amp;first=101#log" in first
    assert "#L100" in first and "#L101" in second and "#L100\"" not in second


def test_nobody_else_sees_a_job(reader: Reader, job: str) -> None:
    holder = reader(Role.CONTRIBUTOR)

    assert holder.get(f"/view/jobs/{job}").status_code == 404
    assert job not in holder.get("/view/jobs").text


def test_an_admin_sees_all_jobs(reader: Reader, job: str) -> None:
    holder = reader(Role.ADMIN)

    assert holder.get(f"/view/jobs/{job}").status_code == 200
    assert job in holder.get("/view/jobs").text and job in holder.get("/").text


@pytest.mark.parametrize("path", ["/view/jobs", "/view/jobs/550e8400-e29b-41d4-a716-446655440000", "/runs/1/log"])
def test_a_stranger_is_led_to_the_way_in(visitor: Client, path: str) -> None:
    assert visitor.get(path).headers["location"].startswith("/login?next=")


def test_what_a_job_wrote_and_was_called_stays_text(site: Site, reader: Reader, job: str) -> None:
    write_log(site.files, job, f"\x1b]8;;x\x07{MARKUP}\x1b[31m red\x1b[0m\x00\rdone {MARKUP}\n".encode())

    page = reader(Role.TESTER).get(f"/view/jobs/{job}").text

    assert MARKUP not in page and "\x1b" not in page and "\x00" not in page
    assert "done &lt;script&gt;" in page and " red" not in page.partition('id="log"')[2]


def test_lines_of_any_length_leave_a_page_small(site: Site, reader: Reader, job: str) -> None:
    write_log(site.files, job, (b"<" * 9_000 + b"\n") * 2_000)
    holder = reader(Role.TESTER)

    pages = [holder.get(f"/view/jobs/{job}{query}") for query in ("", "?line=1000", "?q=<<<<")]

    assert [len(page.content) < 150_000 for page in pages] == [True] * 3
    assert 1_000 in numbers(pages[1].text)


def test_a_job_that_waits_has_no_log_yet(site: Site, reader: Reader) -> None:
    job_id = add_job(site.account(Role.TESTER), JobStatus.QUEUED)

    assert "Nothing was written yet." in reader(Role.TESTER).get(f"/view/jobs/{job_id}").text


def test_a_job_without_a_log_says_so(site: Site, reader: Reader) -> None:
    job_id = add_job(site.account(Role.TESTER), JobStatus.CANCELLED)

    assert "There is no log." in reader(Role.TESTER).get(f"/view/jobs/{job_id}").text


def test_the_log_of_a_run_is_searched_by_the_server(site: Site, reader: Reader) -> None:
    run_id = add_run()
    write_run_log(site, run_id, LONG)
    holder = reader(Role.TESTER)

    found, around = (holder.get(f"/runs/{run_id}/log{query}").text for query in ("?q=FAILED", "?line=54321"))

    assert f"/runs/{run_id}/log?line=54321&amp;q=FAILED#L54321" in found
    assert 54_321 in numbers(around)


def test_a_run_without_a_log_has_a_page(reader: Reader) -> None:
    assert "Nothing was written yet." in reader(Role.TESTER).get(f"/runs/{add_run()}/log").text


def test_a_log_is_for_those_with_the_right_to_it(site: Site, visitor: Client) -> None:
    run_id = add_run()
    token = add_token(site.account(Role.TESTER), Scope.RESULTS_READ, now=site.clock.now)
    begun = visitor.post("/login", data={"token": token}, headers=SAME_ORIGIN)
    holder = visitor.with_headers(Cookie=begun.headers["set-cookie"].partition(";")[0])

    assert holder.get(f"/runs/{run_id}/log").status_code == 403
    assert f"/runs/{run_id}/log" not in holder.get(f"/runs/{run_id}").text
