"""What a job's log says of files that were not kept."""
from __future__ import annotations

from api.domain.jobs.artifact_limit import ArtifactLimit, left_out_message


def test_each_limit_that_was_hit_is_named_once() -> None:
    message = left_out_message(3, [ArtifactLimit.QUOTA, ArtifactLimit.FILE_SIZE, ArtifactLimit.QUOTA])

    assert message == (
        "3 files were not kept: a file is larger than one may be (file_size); "
        "the account has used up its room on this server (quota).\n")


def test_one_file_is_said_to_be_one() -> None:
    assert left_out_message(1, [ArtifactLimit.DISK]) == "1 file was not kept: the server's disk has no room (disk).\n"
