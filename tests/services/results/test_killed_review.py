"""A process that is killed in the middle of a decision about many requests leaves all of them as they were."""
from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from api.domain.results.approval import Approval, ApprovalStatus
from api.domain.results.review import Decision
from api.storage.results import approvals
from tests.builders import BASELINE
from tests.databases import Database
from tests.examples import each_day
from tests.services.results.reviewing import GOT, People, asked, baselines, count_changes, decide

ROOT = Path(__file__).parents[3]
# Decides as an admin, and dies just before the first statement of a kind.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from api.domain.auth.access import Caller, Role, Scope
from api.domain.results.review import Decision
from api.services.results.baseline_reviews import Reviewer
from api.storage.files.backends import LocalBackend
from api.storage.results.approvals import load_approvals
from tests.builders import NOW
from tests.databases import opened
from tests.services.results.reviewing import decide
from tests.storage.files.file_stores import archive_of, link

url, folder, last, decision, user_id, *ids = sys.argv[1:]
local = LocalBackend(Path(folder), link)
who = Reviewer(Caller(int(user_id), "eve", "eve@example.test", Role.ADMIN, frozenset(Scope), 1), NOW, archive_of([local]))

def die(connection, cursor, statement, *rest):
    if statement.startswith(last):
        os.kill(os.getpid(), signal.SIGKILL)

with opened(url, migrated=False) as database:
    event.listen(database.engine, "before_cursor_execute", die)
    decide(load_approvals([int(each) for each in ids]), Decision(decision), who)
"""


def killed(database: Database, folder: Path, people: People, decision: Decision, found: Sequence[Approval], *, before: str) -> int:
    """How a process ended that was to decide about these, and was killed just before a statement."""
    ids = [str(each.approval_id) for each in found]
    arguments = [sys.executable, "-c", PROGRAM, database.url, str(folder), before, decision.value, str(people.bob.caller.user_id), *ids]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "before", each_day(["INSERT INTO ci_baseline_change", "UPDATE regression_test_output", "UPDATE ci_approval"], "UPDATE ci_approval"))
def test_nothing_is_approved_by_halves(database: Database, people: People, tmp_path: Path, before: str) -> None:
    waiting = asked(people)

    ended = killed(database, tmp_path / "files", people, Decision.APPROVE, waiting, before=before)

    assert ended == -signal.SIGKILL
    assert (baselines(waiting), count_changes()) == ([BASELINE] * 3, 0)
    assert {each.status for each in decide(waiting, Decision.APPROVE, people.ann)} == {ApprovalStatus.APPROVED}


@pytest.mark.parametrize(
    "before", each_day(["INSERT INTO ci_baseline_change", "UPDATE regression_test_output"], "UPDATE regression_test_output"))
def test_nothing_is_taken_back_by_halves(database: Database, people: People, tmp_path: Path, before: str) -> None:
    approved = decide(asked(people), Decision.APPROVE, people.ann)

    ended = killed(database, tmp_path / "files", people, Decision.REVERT, approved, before=before)

    assert ended == -signal.SIGKILL
    assert (baselines(approved), count_changes()) == ([GOT] * 3, 3)
    assert [each.reversal for each in approvals.load_approvals([each.approval_id for each in approved])] == [None] * 3
