"""Parsers of settings' values. Each raises ValueError with what the text must be."""
from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from api.domain.network_address import read_network

_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What is served there already, with all below.
_TAKEN = ("/api/", "/ci/", "/jobs/", "/maintenance-mode/", "/mcp/", "/progress-reporter/", "/submit/", "/submit-async/", "/submit-stream/")
_PUBLIC_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]{1,100}){0,10}")
_MIN_KEY_LENGTH = 32
# Of 32 random hexadecimal digits, fewer are different once in 28 million times; blanks do not count.
_MIN_DISTINCT = 8
_FILE_MODE = re.compile("0?(?:600|640|644|660|664)")
_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|\.lock$))[A-Za-z0-9][A-Za-z0-9._/-]{0,198}[A-Za-z0-9]|[A-Za-z0-9]")
SYSTEM_FOLDERS = frozenset({
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "program", "run", "sbin", "sys", "tmp", "usr",
    "var", "workspace"})
_PLAIN_PATH = re.compile(r"[\w./-]{2,200}")
_SOURCES = ("folder", "artifact", "build")
_DATABASE = "must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME"
_DRIVERS = ("mysql+pymysql", "mariadb+pymysql")
_STORES = ("redis", "rediss", "redis+unix")
_ROLES = frozenset({"admin", "contributor", "tester", "user"})


def written(value: Any) -> str:
    """A setting as it would be written into its variable; nothing is written as an empty text."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def whole_number(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def switch(text: str) -> bool:
    """Yes or no, in the words that people use for it."""
    casefolded = text.strip().lower()
    if casefolded in ("1", "true", "yes", "on"):
        return True
    if casefolded in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("must be true or false")


def one_of(*words: str) -> Callable[[str], str]:
    """A reader that takes these words alone."""
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def database_url(text: str) -> str:
    """The URL of a database of a kind that this server knows; the text may hold a password, so no error quotes it."""
    # A machine, which has no database, would be twice as large with this library.
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_DATABASE) from None
    named = url.database if url.drivername in ("sqlite", "sqlite+pysqlite") else url.host or url.query.get("unix_socket")
    if not named or named == ":memory:" or not (url.drivername.startswith("sqlite") or url.drivername in _DRIVERS):
        raise ValueError(_DATABASE)
    return text


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file, whatever characters its path has."""
    return database_url(f"sqlite:///{quote(str(path), safe=' +/')}")


def rate_store(text: str) -> str:
    """Where limits are counted; the text may hold a password, so no error quotes it."""
    if text != "memory://" and urlsplit(text).scheme not in _STORES:
        raise ValueError("must be memory://, or redis://HOST:PORT/0")
    return text


def http_url(text: str) -> str:
    """An http or https URL, without the slash at its end."""
    parts = urlsplit(text)
    # The parser leaves out line breaks and tabs, and blanks at both ends; the text would keep them.
    is_plain = text.isprintable() and " " not in text and _port_is_one(parts)
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https URL")
    return text.rstrip("/")


def _port_is_one(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def public_url(text: str) -> str:
    """The same, with no path but one of plain names: it stands in pages and headers."""
    parts = urlsplit(http_url(text))
    if not _PUBLIC_PATH.fullmatch(parts.path) or "@" in parts.netloc:
        raise ValueError("must be an http or https URL, its path of A-Z, a-z, 0-9, . _ ~ -, such as https://example.org/ci")
    return http_url(text)


def prefix(text: str) -> str:
    """A path that operations are served below, or nothing; none of those that are taken."""
    path = text.rstrip("/")
    if path and (not _PUBLIC_PATH.fullmatch(path) or f"{path}/".startswith(_TAKEN)):
        raise ValueError("must be a path such as /platform/api/v1, of A-Z, a-z, 0-9, . _ ~ -, and below none that is served already")
    return path


def optional_http_url(text: str) -> str:
    """The same, or nothing."""
    return http_url(text) if text else ""


def http_urls(text: str) -> tuple[str, ...]:
    """Several, separated by commas, or nothing."""
    return tuple(http_url(each.strip()) for each in text.split(",")) if text.strip() else ()


def folders(text: str) -> tuple[Path, ...]:
    """Paths of folders from the root, separated by commas, or nothing."""
    paths = tuple(Path(each.strip()) for each in text.split(",")) if text.strip() else ()
    if not all(path.is_absolute() and ":" not in str(path) for path in paths):
        raise ValueError("must be absolute paths without a colon, separated by commas")
    return paths


def optional_path(text: str) -> Path | None:
    """A file's path, or nothing."""
    return Path(text) if text else None


def bucket(text: str) -> str:
    """A bucket's name, or nothing."""
    if text and not _BUCKET.fullmatch(text):
        raise ValueError("must be a bucket's name: 3 to 222 of a-z, 0-9, . _ -")
    return text


def name_part(text: str) -> str:
    """What names may begin with, or nothing."""
    if text and not _NAME_PART.fullmatch(text):
        raise ValueError("must be of A-Z, a-z, 0-9, . _ -, and begin with a letter or a digit")
    return text


def words(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def command(text: str) -> str:
    """A command, its words quoted as for a shell."""
    try:
        found = shlex.split(text)
    except ValueError:
        found = []
    if not found:
        raise ValueError("must be a command, its words quoted as for a shell")
    return text


def optional_command(text: str) -> str:
    """The same, or nothing."""
    return command(text) if text.strip() else ""


def roles(text: str) -> tuple[str, ...]:
    """Roles of accounts between commas."""
    found = words(text)
    if not found or not set(found) <= _ROLES:
        raise ValueError(f"must be some of {', '.join(sorted(_ROLES))}, separated by commas")
    return found


def networks(text: str) -> tuple[str, ...]:
    """Addresses or networks between commas."""
    found = words(text)
    if any(read_network(word) is None for word in found):
        raise ValueError("must be IP addresses or networks, such as 10.0.0.0/8, separated by commas")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Origins of browsers between commas, or `*`."""
    found = words(text)
    for word in found:
        parts = urlsplit(word)
        if word != "*" and (parts.scheme not in ("http", "https") or word != f"{parts.scheme}://{parts.netloc}" or not parts.netloc):
            raise ValueError("must be origins, such as https://ci.example.org, separated by commas")
    return found


def webhook_hosts(text: str) -> tuple[str, ...]:
    """Hosts between commas: names, suffixes as `*.example.org`, or addresses without brackets."""
    found = words(text.lower())
    if not all(_HOST.fullmatch(word) or _is_address(word) for word in found):
        raise ValueError("must be hosts, such as hooks.example.org or *.example.org, separated by commas")
    return found


def file_mode(text: str) -> str:
    """The mode of files in octal digits: the owner reads and writes, nobody executes, and not everybody writes."""
    if not _FILE_MODE.fullmatch(text):
        raise ValueError("must be 0600, 0640, 0644, 0660 or 0664")
    return f"0{text[-3:]}"


def signing_key(text: str) -> str:
    """A secret that is too long to be tried out, or nothing; no error quotes it."""
    if text and len(text) < _MIN_KEY_LENGTH:
        raise ValueError(f"must have at least {_MIN_KEY_LENGTH} characters; `openssl rand -hex 32` prints one")
    return _various(text)


def long_secret(text: str) -> str:
    """A secret that cannot be guessed, or nothing; no error quotes it."""
    if text and not _SECRET.fullmatch(text):
        raise ValueError("must have 16 to 256 of A-Z, a-z, 0-9, . _ ~ + / = -")
    return _various(text)


def _various(secret: str) -> str:
    if secret and len(set(secret) - {" "}) < _MIN_DISTINCT:
        raise ValueError(f"must have at least {_MIN_DISTINCT} different characters; `openssl rand -hex 32` prints one")
    return secret


def repository(text: str) -> str:
    """A repository as owner/name."""
    if not _REPOSITORY.fullmatch(text):
        raise ValueError("must be a repository, as owner/name")
    return text


def repositories(text: str) -> tuple[str, ...]:
    """Repositories between commas."""
    found = words(text)
    if not all(_REPOSITORY.fullmatch(word) for word in found):
        raise ValueError("must be repositories, as owner/name, separated by commas")
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def sources(text: str) -> tuple[str, ...]:
    """Sources of executables between commas, each once, the first to be asked first."""
    found = words(text)
    if not found or len(set(found)) != len(found) or not set(found) <= set(_SOURCES):
        raise ValueError(f"must be one or more of {', '.join(_SOURCES)}, each once, separated by commas")
    return found


def repository_base(text: str) -> str:
    """What the addresses of git repositories begin with, without the slash at its end."""
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a name or a password")
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and not parts.query:
        return text.rstrip("/")
    return http_url(text)


def branch(text: str) -> str:
    """A branch's name, or nothing."""
    if text and not _BRANCH.fullmatch(text):
        raise ValueError("must be a branch's name")
    return text


def inner_path(text: str) -> str:
    """A path inside a folder, or nothing."""
    if text and ("\\" in text or any(part in ("", ".", "..") for part in text.split("/"))):
        raise ValueError("must be a path below a folder, such as linux/ccextractor")
    return text


def sandbox_folder(text: str) -> str:
    """A folder that there is in a sandbox alone: of the system's own it would hide what programs need."""
    first, *others = text.removeprefix("/").split("/")
    is_plain = text.startswith("/") and _PLAIN_PATH.fullmatch(text) is not None
    if not is_plain or {"", ".", ".."} & {first, *others}:
        raise ValueError("must be an absolute path of plain names, such as /repository")
    if first in SYSTEM_FOLDERS:
        raise ValueError(f"must not be below /{first}")
    return text


def required_inner_path(text: str) -> str:
    """The same, but not nothing."""
    if not text:
        raise ValueError("must not be empty")
    return inner_path(text)
