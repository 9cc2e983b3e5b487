"""What is kept of a job: nothing at first, then what its limits let through; what its log says where one was hit."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

# What a manifest says where no file was kept.
NOTHING_KEPT: Mapping[str, Any] = {"artifacts": [], "junit": None, "left_out": 0, "limits_hit": []}


class ArtifactLimit(StrEnum):
    """Why files of a job were not kept."""

    FILE_SIZE = "file_size"
    TOTAL_SIZE = "total_size"
    FILE_COUNT = "file_count"
    QUOTA = "quota"
    DISK = "disk"
    NAME = "name"


WORDS = {
    ArtifactLimit.FILE_SIZE: "a file is larger than one may be (file_size)",
    ArtifactLimit.TOTAL_SIZE: "together they are larger than a job's files may be (total_size)",
    ArtifactLimit.FILE_COUNT: "there are more than a job may leave (file_count)",
    ArtifactLimit.QUOTA: "the account has used up its room on this server (quota)",
    ArtifactLimit.DISK: "the server's disk has no room (disk)",
    ArtifactLimit.NAME: "a name is taken, too long, alone or with the others, or not a file's (name)",
}


def left_out_message(left_out: int, limits: Collection[ArtifactLimit]) -> str:
    """What the log says of files that were not kept, as one line."""
    files = "1 file was" if left_out == 1 else f"{left_out} files were"
    return f"{files} not kept: {'; '.join(WORDS[each] for each in ArtifactLimit if each in limits)}.\n"
