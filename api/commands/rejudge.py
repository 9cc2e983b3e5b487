"""`ci-api rejudge`: judges finished runs again by the present rules."""
from __future__ import annotations

import argparse
from typing import Any

from api.commands.database import open_database
from api.config import Settings
from api.domain.results.failure_code import RULES_VERSION
from api.domain.runs.progress import LateEventKind
from api.services.runs.platform_sync import judge_pending
from api.storage.database import transact
from api.storage.runs.platform_changes import count_pending, mark_outdated
from api.storage.runs.progress import count_late_events

BATCH_SIZE = 50


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "rejudge", help="judge finished runs again by the present rules",
        description="Judge the finished runs whose verdicts older rules made. A server does so by itself, newest run first, while it "
        "answers; before an upgraded server starts, this command does it at once. It can be broken off, and goes on where it was.")
    parser.add_argument("--all", action="store_true", help="judge every finished run again, whichever rules its verdicts were made by")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Judge runs in batches, and print the number of runs whose outcome changed."""
    with open_database(settings):
        if arguments.all:
            transact(mark_outdated)
        left, before, judged = count_pending(), count_late_events(LateEventKind.JUDGED_ANEW), 0
        while done := judge_pending(BATCH_SIZE):
            judged += done
            print(f"{judged} of {max(left, judged)} runs judged", flush=True)
        changed = count_late_events(LateEventKind.JUDGED_ANEW) - before
        print(f"Judged {judged} runs by version {RULES_VERSION} of the rules; {changed} came out otherwise.")
    return 0
