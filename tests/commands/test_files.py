"""`ci-api files repair`: disk and bucket brought in line, for everything that the database refers to."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from api.domain.runs.run import Phase
from api.storage.files.paths import log_name, result_name, sample_name
from api.storage.files.paths import test_log_name as name_of_test_log
from tests.builders import Output, add_event, add_output, add_regression_test, add_run, add_sample
from tests.commands.conftest import Call, Said
from tests.databases import opened
from tests.storage.files.emulator import BUCKET, Emulator, running_emulator
from tests.storage.files.stalling import wire_to

BASELINE, PRODUCED = b"Hello.\n", b"Hallo.\n"


@pytest.fixture(scope="module")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("bucket")) as emulator:
        yield emulator


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def result(content: bytes) -> str:
    return result_name(digest(content), ".srt") or ""


@dataclass
class Stores:
    """Disk and bucket, and the command over them."""

    call: Call
    root: Path
    bucket: Emulator
    run_id: int

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read(self, name: str) -> bytes | None:
        path = self.root / name
        return path.read_bytes() if path.exists() else None

    def repair(self, *words: str, endpoint: str | None = None, **variables: str) -> Said:
        return self.call(
            "files", "repair", *words, CI_BUCKET=BUCKET, CI_BUCKET_ENDPOINT=endpoint or self.bucket.endpoint, **variables)


@pytest.fixture
def stores(call: Call, sqlite_path: Path, tmp_path: Path, shared_emulator: Emulator) -> Stores:
    """A database with a sample, a baseline and a run that produced something else."""
    shared_emulator.clear()
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        test = add_regression_test(outputs=[Output(digest(BASELINE))], sample_id=add_sample(sha="a1", extension="ts"))
        run_id = add_run()
        add_event(run_id, Phase.TESTING)
        add_output(run_id, test.regression_id, test.output_id, got=digest(PRODUCED), expected=digest(BASELINE))
    return Stores(call, tmp_path / "files", shared_emulator, run_id)


def test_what_one_store_lacks_it_gets_from_the_other(stores: Stores) -> None:
    sample, log, part = sample_name("a1", "ts") or "", log_name(stores.run_id), name_of_test_log(stores.run_id, 3)
    stores.write(sample, b"video")
    stores.write(part, b"a test's log")
    stores.bucket.put(result(BASELINE), BASELINE)
    stores.bucket.put(log, b"the log")

    said = stores.repair()

    assert said.status == 0
    assert (stores.bucket.content(sample), stores.bucket.content(part)) == (b"video", b"a test's log")
    assert (stores.read(result(BASELINE)), stores.read(log)) == (BASELINE, b"the log")
    assert {"2 files sent to the bucket", "2 files fetched from the bucket"} <= set(said.output.splitlines())


def test_a_second_repair_finds_nothing_to_do(stores: Stores) -> None:
    stores.write(result(PRODUCED), PRODUCED)
    stores.repair()

    said = stores.repair("--compare-contents")

    assert {"1 files as they should be", "0 files sent to the bucket", "0 files fetched from the bucket"} <= set(said.output.splitlines())


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(stores: Stores) -> None:
    stores.write(result(PRODUCED), PRODUCED)
    stores.bucket.put(result(BASELINE), BASELINE)

    said = stores.repair("--dry-run")

    assert {f"would be sent\t{result(PRODUCED)}", f"would be fetched\t{result(BASELINE)}"} <= set(said.output.splitlines())
    assert stores.bucket.content(result(PRODUCED)) is None and stores.read(result(BASELINE)) is None


def test_a_damaged_output_on_the_disk_is_replaced_by_the_buckets(stores: Stores) -> None:
    stores.write(result(BASELINE), b"tampered with")
    stores.bucket.put(result(BASELINE), BASELINE)

    assert stores.repair().status == 0
    assert (stores.read(result(BASELINE)), stores.bucket.content(result(BASELINE))) == (BASELINE, BASELINE)


def test_a_damaged_output_in_the_bucket_is_replaced_by_the_disks(stores: Stores) -> None:
    stores.write(result(BASELINE), BASELINE)
    stores.bucket.put(result(BASELINE), b"tampered with")

    assert stores.repair().status == 0
    assert stores.bucket.content(result(BASELINE)) == BASELINE


def test_damage_of_equal_size_is_found_where_contents_are_compared(stores: Stores) -> None:
    stores.write(result(BASELINE), b"Hel1o.\n")
    stores.bucket.put(result(BASELINE), BASELINE)

    stores.repair()
    unnoticed = stores.read(result(BASELINE))
    stores.repair("--compare-contents")

    assert (unnoticed, stores.read(result(BASELINE))) == (b"Hel1o.\n", BASELINE)


@pytest.mark.parametrize("in_bucket", [True, False])
def test_what_is_damaged_wherever_it_is_stays_there_and_is_told(stores: Stores, in_bucket: bool) -> None:
    stores.bucket.put(result(BASELINE), b"damaged") if in_bucket else stores.write(result(BASELINE), b"damaged")

    said = stores.repair()

    assert said.status == 1
    assert f"damaged\t{result(BASELINE)}" in said.output
    assert None in (stores.read(result(BASELINE)), stores.bucket.content(result(BASELINE)))


def test_the_disks_log_counts_where_the_two_differ(stores: Stores) -> None:
    log = log_name(stores.run_id)
    stores.write(log, b"the whole log")
    stores.bucket.put(log, b"the log")

    stores.repair()

    assert stores.bucket.content(log) == b"the whole log"


def test_what_the_database_does_not_refer_to_is_left_alone(stores: Stores) -> None:
    stores.write("LogFiles/999.txt", b"x")
    stores.bucket.put(result(b"other"), b"other")

    stores.repair()

    assert stores.bucket.content("LogFiles/999.txt") is None and stores.read(result(b"other")) is None


def test_where_the_bucket_alone_keeps_files_nothing_comes_to_the_disk(stores: Stores) -> None:
    stores.bucket.put(result(BASELINE), BASELINE)

    said = stores.repair(CI_BUCKET_ONLY="true", CI_SIGNING_KEY="0123456789abcdef" * 2)

    assert said.status == 0 and stores.read(result(BASELINE)) is None


def test_a_bucket_that_does_not_answer_ends_the_repair_with_one_sentence(stores: Stores) -> None:
    with wire_to(stores.bucket.port) as wire:
        wire.cut()
        said = stores.repair(endpoint=wire.endpoint)

    assert said.status == 1
    assert said.errors.startswith("ci-api: A store does not answer")


def test_without_a_bucket_there_is_nothing_to_repair(call: Call) -> None:
    said = call("files", "repair")

    assert (said.status, said.errors) == (1, "ci-api: There is no bucket to bring in line: CI_BUCKET is empty.\n")
