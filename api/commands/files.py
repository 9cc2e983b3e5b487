"""`ci-api files`: compares and repairs the copies of files on the disk and in the bucket."""
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.host.clock import utc_now
from api.installation import prepare_store
from api.storage.files.backends import INCOMING
from api.storage.files.paths import LOGS, digest_in
from api.storage.files.pending_uploads import count_uploads
from api.storage.files.referenced_files import result_names, run_names, sample_names, test_log_names
from api.storage.files.repair import Finding, Repair
from api.stores import Stores, load_signing_key, make_stores

WORDS = {
    Finding.ALIKE: "as they should be", Finding.SENT: "sent to the bucket", Finding.FETCHED: "fetched from the bucket",
    Finding.DAMAGED: "damaged beyond repair", Finding.ABSENT: "in neither store"}


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser("files", help="look after stored files", description="Look after stored files.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    repair = actions.add_parser(
        "repair", help="bring disk and bucket in line",
        description="Bring disk and bucket in line for every file that the database refers to: what one of them lacks it gets from "
        "the other. The server may run meanwhile; to run this again is harmless.")
    repair.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    repair.add_argument("--compare-contents", action="store_true", help="compare files of equal size byte by byte; reads everything")
    repair.set_defaults(run=_repair)


def _repair(arguments: argparse.Namespace, settings: Settings) -> int:
    prepare_store(settings)
    stores = make_stores(settings, load_signing_key(settings), utc_now)
    if stores.bucket is None:
        raise CommandFailed("There is no bucket to bring in line: CI_BUCKET is empty.")
    repair = Repair(
        stores.local, stores.bucket, settings.storage_root / INCOMING, dry=arguments.dry_run, fetch=not settings.bucket_only,
        thorough=arguments.compare_contents)
    with open_database(settings):
        found = _carry_out(repair, stores, dry=arguments.dry_run)
        waiting = count_uploads()
    for finding in Finding:
        print(f"{found[finding]} files {WORDS[finding]}")
    if waiting:
        print(f"{waiting} files wait for the server to send them")
    return 1 if found[Finding.DAMAGED] else 0


def _carry_out(repair: Repair, stores: Stores, *, dry: bool) -> Counter[Finding]:
    found: Counter[Finding] = Counter()
    try:
        for name, finding in chain.from_iterable(repair.repair(batch) for batch in _batches(stores)):
            found[finding] += 1
            if finding is not Finding.ALIKE and not (finding is Finding.ABSENT and digest_in(name) is None):
                print(f"{'would be ' if dry and finding in (Finding.SENT, Finding.FETCHED) else ''}{finding}\t{name}")
    except OSError as fault:
        raise CommandFailed(f"A store does not answer after {found.total()} files: {fault}. Run the command again.") from fault
    return found


def _batches(stores: Stores) -> Iterator[list[str]]:
    yield from sample_names()
    yield from result_names()
    yield from run_names()
    listed = [each.list(f"{LOGS}/") for each in (stores.local, stores.bucket) if each is not None]
    yield from test_log_names(set(chain.from_iterable(listed)))
