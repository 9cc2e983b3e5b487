"""`ci-api library`: imports samples, regression tests and baselines from a folder, and exports them into one."""
from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.catalog.change import Editor
from api.domain.catalog.library_file import FILE_NAME
from api.host.clock import utc_now
from api.installation import prepare_store
from api.library_folder.exporting import Export
from api.library_folder.importing import ADDED, CHANGED, KEPT, import_folder
from api.library_folder.reading import LibraryFaults
from api.stores import load_signing_key, make_stores

BY = Editor(None, "ci-api library import")


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser("library", help="import and export the media library", description="Import and export the media library.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    bring = actions.add_parser(
        "import", help="import a folder",
        description=f"Import the samples, regression tests, tags, categories and baselines that {FILE_NAME} in a folder names. What is "
        "missing is added, and what people may edit is brought to what the file says; a baseline that is there stays. To run this "
        "again is harmless. With anything wrong in the folder nothing is imported, and all that is wrong is told.")
    bring.add_argument("folder", type=Path)
    bring.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    bring.set_defaults(run=_import)
    take = actions.add_parser(
        "export", help="export into a folder",
        description=f"Write {FILE_NAME} and all files that it names into a folder, from which the library can be imported elsewhere.")
    take.add_argument("folder", type=Path)
    take.set_defaults(run=_export)


def _import(arguments: argparse.Namespace, settings: Settings) -> int:
    store = prepare_store(settings)
    stores = make_stores(settings, load_signing_key(settings), utc_now)
    counts: Counter[str] = Counter()

    def tell(what: str, about: str) -> None:
        counts[what] += 1
        print(f"{what}\t{about}")

    with open_database(settings):
        try:
            import_folder(arguments.folder, stores.archive, store, BY, utc_now(), tell, dry=arguments.dry_run)
        except LibraryFaults as wrong:
            raise CommandFailed(f"Nothing was imported:\n{wrong}") from wrong
    would = "would be " if arguments.dry_run else ""
    print(f"{would}{ADDED}: {counts[ADDED]}, {would}{CHANGED}: {counts[CHANGED]}, {KEPT}: {counts[KEPT]}")
    return 0


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    prepare_store(settings)
    stores = make_stores(settings, load_signing_key(settings), utc_now)
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        with open_database(settings):
            export = Export(arguments.folder, stores.archive)
            library = export.carry_out()
    except OSError as fault:
        raise CommandFailed(f"The folder cannot be written: {fault.strerror}.") from fault
    for name in export.lost:
        print(f"in no store\t{name}")
    print(f"{len(library.samples)} samples, {len(library.tests)} regression tests")
    return 1 if export.lost else 0
