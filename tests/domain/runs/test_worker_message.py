"""What workers say, and what of it is taken."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.run import Phase
from api.domain.runs.worker_message import (
    MAX_INTEGER,
    MESSAGE_LENGTH,
    ArtifactKind,
    ArtifactMessage,
    EqualityMessage,
    FinishMessage,
    LogMessage,
    Malformed,
    ProgressMessage,
    UploadMessage,
    WorkerMessage,
    parse_message,
    read_fields,
)

IDS = {"test_id": "5", "test_file_id": "8"}
FINISH = {"type": "finish", "test_id": "5", "exitCode": "0", "runTime": "10"}


@pytest.mark.parametrize(("fields", "message"), [
    ({"type": "progress", "status": "testing", "message": "go"}, ProgressMessage(Phase.TESTING, "go")),
    ({"type": "progress", "status": " completed\n"}, ProgressMessage(Phase.COMPLETED, "")),
    ({"type": "equality", **IDS}, EqualityMessage(5, 8)),
    ({"type": "equality", "test_id": " +5 ", "test_file_id": "-1"}, EqualityMessage(5, -1)),
    ({"type": "upload", **IDS}, UploadMessage(5, 8)),
    (FINISH, FinishMessage(5, 0, 10)),
    ({"type": "logupload"}, LogMessage()),
    *(({"type": "artifactupload", "artifact_type": f" {kind} "}, ArtifactMessage(kind)) for kind in ArtifactKind),
])
def test_each_kind_of_form_is_read(fields: dict[str, str], message: WorkerMessage) -> None:
    assert parse_message(fields) == message


@pytest.mark.parametrize(("fields", "wrong"), [
    ({}, "type"), ({"type": ""}, "type"), ({"type": "PROGRESS", "status": "testing"}, "type"), ({"type": "finish "}, "type"),
    ({"type": "progress"}, "status"), ({"type": "progress", "status": "done"}, "status"),
    ({"type": "progress", "status": "Testing"}, "status"),
    ({"type": "equality", "test_file_id": "8"}, "test_id"), ({"type": "equality", "test_id": "5"}, "test_file_id"),
    ({"type": "upload", "test_id": "5.0", "test_file_id": "8"}, "test_id"),
    ({"type": "upload", "test_id": "5", "test_file_id": ""}, "test_file_id"),
    ({**FINISH, "test_id": "١"}, "test_id"), ({**FINISH, "test_id": "9" * 19}, "test_id"), ({**FINISH, "exitCode": "0x1"}, "exitCode"),
    ({**FINISH, "exitCode": "1 2"}, "exitCode"), ({**FINISH, "exitCode": "1_0"}, "exitCode"), ({**FINISH, "exitCode": "- 1"}, "exitCode"),
    ({"type": "artifactupload"}, "artifact_type"),
    ({"type": "artifactupload", "artifact_type": "../binary"}, "artifact_type"),
])
def test_the_first_field_that_is_missing_or_wrong_is_named(fields: dict[str, str], wrong: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_message(fields)

    assert refused.value.field == str(refused.value) == wrong


@pytest.mark.parametrize(("text", "runtime_ms"), [
    ("10", 10), (" 10 ", 10), ("0", 0), ("-5", 0), ("", 0), ("soon", 0), ("1.5", 0),
    ("9" * 18, MAX_INTEGER), ("9" * 19, 0), (str(MAX_INTEGER), MAX_INTEGER)])
def test_a_bad_time_costs_no_result(text: str, runtime_ms: int) -> None:
    assert parse_message({**FINISH, "runTime": text}) == FinishMessage(5, 0, runtime_ms)


def test_a_missing_time_costs_no_result() -> None:
    assert parse_message({name: text for name, text in FINISH.items() if name != "runTime"}) == FinishMessage(5, 0, 0)


@pytest.mark.parametrize(("text", "exit_code"), [
    ("-1073741819", -1073741819), ("3221225477", -1073741819), ("4294967295", -1), ("139", 139)])
def test_an_exit_code_of_windows_is_the_same_signed_or_not(text: str, exit_code: int) -> None:
    assert parse_message({**FINISH, "exitCode": text}) == FinishMessage(5, exit_code, 10)


def test_a_workers_words_are_bounded() -> None:
    message = parse_message({"type": "progress", "status": "testing", "message": "é" * (MESSAGE_LENGTH + 1)})

    assert message == ProgressMessage(Phase.TESTING, "é" * MESSAGE_LENGTH)


KINDS = ["progress", "equality", "upload", "finish", "logupload", "artifactupload", "other"]
names = st.sampled_from(["status", "message", "test_id", "test_file_id", "exitCode", "runTime", "artifact_type"])
texts = st.text(max_size=25) | st.integers().map(str) | st.sampled_from([*Phase, *ArtifactKind]).map(str)


@given(st.sampled_from(KINDS), st.dictionaries(names, texts))
def test_any_form_is_a_message_of_storable_numbers_or_names_one_of_its_fields(kind: str, fields: dict[str, str]) -> None:
    try:
        message = parse_message({"type": kind, **fields})
    except Malformed as refused:
        assert refused.field in ("type", "status", "test_id", "test_file_id", "exitCode", "artifact_type")
        return

    if isinstance(message, FinishMessage):
        assert -2**31 <= message.exit_code < 2**31
        assert 0 <= message.runtime_ms < 2**31


@pytest.mark.parametrize(("body", "fields"), [
    ("type=progress&message=error: g++ & clang failed", {"type": "progress", "message": "error: g++ & clang failed"}),
    ("type=progress&message=error%3A+g%2B%2B+%26+clang", {"type": "progress", "message": "error: g++ & clang"}),
    ("message=50 % & more&status=testing", {"message": "50 % & more", "status": "testing"}),
    ("message=a&type=b&message=c", {"message": "a", "type": "b&message=c"}),
    ("", {}), ("a=1&b=2", {}), ("a=1&type=x", {"type": "x"}), ("message=100%", {"message": "100%"}),
])
def test_fields_are_read_whether_they_are_escaped_or_not(body: str, fields: dict[str, str]) -> None:
    assert read_fields(body) == fields
