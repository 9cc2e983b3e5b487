"""The page on the job service's streams names tests that there are."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("JOBS-WIRE.md").read_text()
LINES = PAGE.splitlines()
# The rows of the tables: neither their heads nor the lines below those.
ROWS = [
    line for line, below in zip(LINES, [*LINES[1:], ""], strict=True)
    if line.startswith("| ") and not below.startswith("| ---") and not line.startswith("| ---")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_what_the_page_promises_is_held_by_a_test_that_there_is(row: str) -> None:
    named = NAMED.search(row)

    assert named is not None
    tree = ast.parse((ROOT / named[1]).read_text())
    assert named[2] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_of_streams_over_connections_stands_on_the_page_or_in_this_list() -> None:
    beside = {
        "test_a_place_that_the_log_has_not_come_to_is_waited_for", "test_a_lost_job_that_waits_again_keeps_its_stream_open",
        "test_an_attempt_that_was_put_back_before_it_began_leaves_no_trace", "test_asking_for_the_headers_alone_opens_no_stream",
        "test_a_job_that_is_deleted_while_it_is_watched_ends_its_stream_without_complete",
        "test_a_log_that_was_removed_leaves_the_end_of_the_story", "test_a_server_that_is_told_to_stop_ends_the_streams_of_runs_too"}
    files = (ROOT / "tests" / "handlers" / "jobs").glob("test_job_streams*.py")

    tests = {
        node.name for file in files for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}

    assert tests - {named[2] for row in ROWS if (named := NAMED.search(row))} == beside
