"""`ci-api migrate`: migrates the database to the schema that the server needs."""
from __future__ import annotations

import argparse
from typing import Any

from api.commands.database import open_database
from api.config import Settings
from api.storage import schema, schema_state
from api.storage.database import db


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "migrate", help="create or update the database's schema",
        description="Create the schema on an empty database. On a Sample Platform's database only our own tables are added; "
        "`--downgrade` takes them away again and leaves the rest as it was.")
    parser.add_argument("--downgrade", action="store_true", help="take away everything that this server added")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Migrate the database, or undo the migration."""
    with open_database(settings, migrated=False):
        if arguments.downgrade:
            schema.downgrade(db.engine)
            print("The database is as it was before this server.")
            return 0
        adopted = schema_state.belongs_to_platform(db.engine)
        schema.migrate(db.engine)
        print("The Sample Platform's database is adopted." if adopted else "The database is ready.")
    return 0
