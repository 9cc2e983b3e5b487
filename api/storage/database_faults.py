"""Messages for database errors, without the URL, which may hold a password."""
from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError

NO_ANSWER = "The database does not answer; check CI_DATABASE_URL, and that the server behind it runs."
UNKNOWN_HOST = "The host that CI_DATABASE_URL names is not known; check its name, and how this machine looks names up."
PRIVILEGES = "A migration needs CREATE, ALTER, DROP, INDEX and REFERENCES, a server only SELECT, INSERT, UPDATE and DELETE."
INDEX_LIMIT = (
    "The database takes no index of more than 767 bytes: MySQL 5.6 and MariaDB 10.1 need innodb_large_prefix=ON, "
    "innodb_file_format=Barracuda and innodb_file_per_table=ON for ROW_FORMAT=DYNAMIC.")
READ_ONLY = "The database takes no writes: the server is read-only; CI_DATABASE_URL must name one that is not, such as the primary."

# By the error's number, as servers of MySQL and MariaDB give it, and, from 2000 on, their clients.
OF_SERVERS: Mapping[int, str] = {
    1040: "The database has as many connections as it takes; raise its max_connections, or lower CI_THREADS.",
    1044: f"The account that CI_DATABASE_URL names may not use this database. {PRIVILEGES}",
    1045: "The database refuses the account or its password; check CI_DATABASE_URL.",
    1049: "The server has no database of the name in CI_DATABASE_URL; create it first, with CHARACTER SET utf8mb4.",
    1071: INDEX_LIMIT, 1709: INDEX_LIMIT,
    1130: "The database lets no account in from this machine; check the host part of the account that CI_DATABASE_URL names.",
    1142: f"The account that CI_DATABASE_URL names lacks a privilege: LACKING. {PRIVILEGES}",
    1143: f"The account that CI_DATABASE_URL names lacks a privilege: LACKING. {PRIVILEGES}",
    1227: f"The account that CI_DATABASE_URL names lacks a privilege: LACKING. {PRIVILEGES}",
    1205: "Another transaction held what is needed for too long; end it, or try again.",
    1021: "The database has no room left on its disk.", 1114: "The database has no room left on its disk.",
    1290: READ_ONLY, 1792: READ_ONLY, 1836: READ_ONLY,
    2002: NO_ANSWER, 2003: NO_ANSWER, 2005: UNKNOWN_HOST, 2006: NO_ANSWER, 2013: NO_ANSWER,
}
# By what SQLite's own message begins with.
OF_SQLITE: Mapping[str, str] = {
    "database is locked": "Another process keeps the SQLite file locked; end it, or try again when it is done.",
    "unable to open database file":
        "The SQLite file cannot be opened: check that CI_DATABASE_URL names a file, in a folder that may be written to.",
    "attempt to write a readonly database": "The SQLite file that CI_DATABASE_URL names, or its folder, may not be written to.",
    "database or disk is full": "There is no room left on the disk of the SQLite file.",
    "disk I/O error": "The disk of the SQLite file fails to read or write; check it, and that it is no network file system.",
    "file is not a database": "The file that CI_DATABASE_URL names is no SQLite database.",
    "database disk image is malformed": "The SQLite file is damaged; restore it from a backup.",
}
# A server that is starting, or that cannot be reached at the moment.
WORTH_WAITING = frozenset({1040, 1053, 2002, 2003, 2005, 2006, 2013})
_DENIED = re.compile(r"([A-Z][A-Z, ]{0,60}?) command denied|need \(at least one of\) the ([A-Z_, ]{1,60}) privilege")


def cause_of(failed: DBAPIError) -> str | None:
    """The cause, in one or two sentences; None for what is no fault of the database's or its account's, but of a statement."""
    code, words = _code_and_message(failed)
    if isinstance(code, int):
        if isinstance(getattr(failed.orig, "original_exception", None), socket.gaierror):
            return UNKNOWN_HOST
        denied = _DENIED.search(words)
        lacking = next(filter(None, denied.groups())) if denied else "it does not say which"
        known = OF_SERVERS.get(code)
        return known.replace("LACKING", lacking) if known else _unknown(failed, f"{code}, {words}")
    known = next((said for beginning, said in OF_SQLITE.items() if str(code).startswith(beginning)), None)
    return known or _unknown(failed, str(code))


def is_transient(failed: DBAPIError) -> bool:
    """Whether the database may come of itself: it is away, or locked, and nothing that it was message is wrong."""
    code, _ = _code_and_message(failed)
    return code in WORTH_WAITING or str(code).startswith("database is locked")


def _code_and_message(failed: DBAPIError) -> tuple[Any, str]:
    """The driver's error: a number and words; or, of SQLite, words alone."""
    arguments: tuple[Any, ...] = getattr(failed.orig, "args", ())
    return (arguments[0] if arguments else ""), str(arguments[1] if len(arguments) > 1 else "")


def _unknown(failed: DBAPIError, message: str) -> str | None:
    return f"The database refused: {message}." if isinstance(failed, OperationalError) else None
