"""Every code block of the documentation is run, or compared with what it shows."""
from __future__ import annotations

import pytest

from tests.docs.checks import (
    Check,
    by_test,
    ci_api_calls,
    debian_packages,
    equals,
    executable_places,
    image_built,
    library_file,
    make_targets,
    orders_of_a_project,
    recipe,
    requests,
    settings,
    settings_file,
    unit,
)
from tests.docs.pages import PAGES, blocks_of

IN_THE_DEMO = by_test("tests/e2e/test_demo.py")
WHEN_INSTALLED = by_test("tests/e2e/test_install_page.py")

# The checks of each page's blocks, in their order.
CHECKS: dict[str, list[Check]] = {
    "README.md": [
        make_targets,
        by_test("tests/docs/test_pages.py")("test_the_tour_shows_the_commits_of_the_demo"),
        IN_THE_DEMO("test_the_readmes_tour_works_however_often_it_is_pasted"),
        IN_THE_DEMO("test_the_readmes_tour_of_a_job_works_when_it_is_pasted"),
        IN_THE_DEMO("test_the_readmes_tour_of_a_job_works_when_it_is_pasted"),
    ],
    "docs/contributing.md": [make_targets],
    "docs/deployment.md": [
        equals("deploy/nginx.conf"),
        unit("deploy/ci-api.service"),
        WHEN_INSTALLED("test_another_server_serves_the_same_application"),
        unit("deploy/ci-machine@.service"),
        settings_file("deploy/container.env"),
        image_built,
        equals("deploy/Dockerfile"),
        equals("deploy/compose.yaml"),
        by_test("tests/deploy/test_compose.py")("test_the_pages_secrets_are_those_of_the_file"),
        by_test("tests/deploy/test_kubernetes.py")("test_the_page_names_every_manifest_and_gives_every_machine_a_token"),
        by_test("tests/deploy/test_kubernetes.py")("test_the_page_gives_the_machine_that_makes_jobs_a_token"),
        equals("deploy/ci-machine.cmd"),
    ],
    "docs/install.md": [
        debian_packages("nginx", "ffmpeg"),
        recipe,
        WHEN_INSTALLED("test_the_pages_users_and_folders_can_be_made"),
        WHEN_INSTALLED("test_the_page_works_when_it_is_pasted"),
        settings_file("deploy/ci-api.env"),
        settings_file("deploy/ci-machine.env"),
        equals("deploy/database.sql"),
        WHEN_INSTALLED("test_the_page_works_when_it_is_pasted"),
        WHEN_INSTALLED("test_the_page_works_when_it_is_pasted"),
        WHEN_INSTALLED("test_the_page_works_when_it_is_pasted"),
        WHEN_INSTALLED("test_the_page_works_when_it_is_pasted"),
    ],
    "docs/jobs.md": [
        IN_THE_DEMO("test_the_page_about_jobs_works_when_it_is_pasted"),
        IN_THE_DEMO("test_the_page_about_jobs_works_when_it_is_pasted"),
        orders_of_a_project,
        settings,
    ],
    "docs/library.md": [*[requests] * 6, library_file],
    "docs/operations.md": [WHEN_INSTALLED("test_a_backup_of_sqlite_is_the_database")],
    "docs/machines.md": [
        ci_api_calls,
        executable_places,
    ],
}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_has_its_check(page: str) -> None:
    for block, check in zip(blocks_of(page), CHECKS.get(page, []), strict=True):
        check(block)


def test_every_check_has_its_page() -> None:
    assert set(CHECKS) <= set(PAGES)
