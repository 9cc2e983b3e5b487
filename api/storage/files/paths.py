"""Paths of files below a store's root, the same on the disk and in the bucket.

Nothing that comes from outside becomes part of a name unless it has the form of a hash or an extension.
"""
from __future__ import annotations

import re
from functools import lru_cache

from api.domain.files.signed_url import FileKind
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import ArtifactKind
from api.domain.runs.worker_suite import dotted

# Names of the last lists, whose files are looked up again and again.
REMEMBERED = 1024
SAMPLES, MEDIA_INFO, EXTRA = "TestFiles", "TestFiles/media", "TestFiles/extra"
RESULTS, LOGS, ARTIFACTS, SHARDS = "TestResults", "LogFiles", "test_artifacts", "ShardFiles"

EXTENSION = re.compile(r"\.[A-Za-z0-9_-]{1,30}(?:\.[A-Za-z0-9_-]{1,30})?\Z")
DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")
SAMPLE_DIGEST = re.compile(r"[0-9a-fA-F]{1,128}\Z")
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}/){1,4}[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}\Z")
_RESULT = re.compile(RESULTS + r"/([0-9a-f]{64})(?:\.[A-Za-z0-9._-]+)?\Z")
# What the functions below make, each kind in its own folder.
_KINDS = {
    FileKind.SAMPLE: re.compile(
        SAMPLES + r"/(?:[0-9a-fA-F]{1,128}(?:\.[A-Za-z0-9_-]{1,30}){0,2}|media/[0-9a-fA-F]{1,128}\.xml"
        r"|extra/[0-9a-fA-F]{1,128}_[0-9]{1,18}(?:\.[A-Za-z0-9_-]{1,30}){0,2})"),
    FileKind.RESULT: re.compile(RESULTS + r"/[0-9a-f]{64}(?:\.[A-Za-z0-9_-]{1,30}){0,2}"),
    FileKind.RUN_LOG: re.compile(LOGS + r"/[0-9]{1,18}(?:/[0-9]{1,18})?\.txt"),
    FileKind.ARTIFACT: re.compile(ARTIFACTS + r"/[0-9]{1,18}/(?:ccextractor|ccextractorwinfull\.exe|combined_stdout\.log|coredump)")}


def sample_name(digest: str, extension: str) -> str | None:
    """A media sample's name; the extension may lack its dot. None for what is no hash."""
    return f"{SAMPLES}/{digest}{_safe(dotted(extension))}" if SAMPLE_DIGEST.match(digest) else None


def media_info_name(digest: str) -> str | None:
    """The name of the XML that describes a media sample. None for what is no hash."""
    return f"{MEDIA_INFO}/{digest}.xml" if SAMPLE_DIGEST.match(digest) else None


def extra_file_name(digest: str, extra_id: int, extension: str) -> str | None:
    """The name of a further file of the sample with this hash; the extension may lack its dot. None for what is no hash."""
    return f"{EXTRA}/{digest}_{extra_id:d}{_safe(dotted(extension))}" if SAMPLE_DIGEST.match(digest) else None


@lru_cache(REMEMBERED)
def result_name(digest: str | None, extension: str) -> str | None:
    """The name of an expected or actual output, by its SHA-256. None for what is none, such as an old row's stand-in."""
    return f"{RESULTS}/{digest.lower()}{_safe(extension)}" if digest and DIGEST.match(digest) else None


def log_name(run_id: int) -> str:
    """The name of a run's log."""
    return f"{LOGS}/{run_id:d}.txt"


def test_log_name(run_id: int, regression_id: int) -> str:
    """The name of the log of one regression test of a run."""
    return f"{LOGS}/{run_id:d}/{regression_id:d}.txt"


def shard_folder(run_id: int) -> str:
    """The folder, with its slash, of what the shards of a run leave until it is over."""
    return f"{SHARDS}/{run_id:d}/"


def shard_file_name(run_id: int, shard: int, kind: str) -> str:
    """The name of one shard's part of a run's file; nobody is given an address of it."""
    return f"{shard_folder(run_id)}{shard:d}-{kind}.txt"


def artifact_name(run_id: int, kind: ArtifactKind, platform: str) -> str:
    """The name of a file of a run: fixed, never the client's."""
    binary = "ccextractorwinfull.exe" if platform == Platform.WINDOWS else "ccextractor"
    files = {ArtifactKind.BINARY: binary, ArtifactKind.COMBINED_STDOUT: "combined_stdout.log", ArtifactKind.COREDUMP: "coredump"}
    return f"{ARTIFACTS}/{run_id:d}/{files[kind]}"


@lru_cache(REMEMBERED)
def is_name(text: str) -> bool:
    """Whether a text can be the name of a stored file: folders and a file below the root, in plain characters."""
    return _NAME.match(text) is not None


def kind_of(name: str) -> FileKind | None:
    """The kind of a stored file that an address may be given for; None for all others, such as secrets, and what workers are given."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(name)), None)


@lru_cache(REMEMBERED)
def digest_in(name: str) -> str | None:
    """The SHA-256 that a file's content must have because its name says so; None for names that say nothing."""
    found = _RESULT.match(name)
    return found.group(1) if found else None


def _safe(extension: str) -> str:
    return extension if EXTENSION.match(extension) else ""
