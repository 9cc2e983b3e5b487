"""Who counts as staff, and what every refusal tells."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.auth.access import Caller, Role, Scope, check_not_own, has_kept_rights
from api.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidCredentials,
    LogNotFound,
    MissingOutput,
    NoBaseRun,
    NotFound,
    NotReady,
    Refusal,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from tests.domain.results.judging import caller


@pytest.mark.parametrize(("role", "is_staff"), [
    (Role.ADMIN, True), (Role.TESTER, True), (Role.CONTRIBUTOR, True), (Role.USER, False)])
def test_everybody_with_a_role_of_their_own_is_staff(role: Role, is_staff: bool) -> None:
    assert caller(role).is_staff is is_staff


def holder(role: Role, *scopes: Scope) -> Caller:
    return replace(caller(role), scopes=frozenset(scopes))


@pytest.mark.parametrize(("now", "may"), [
    (holder(Role.TESTER, Scope.RUNS_READ), True), (holder(Role.TESTER, Scope.RUNS_READ, Scope.RESULTS_READ), True),
    (holder(Role.TESTER), False), (holder(Role.USER, Scope.RUNS_READ), False), (holder(Role.ADMIN, Scope.RUNS_READ), False),
    (None, False)])
def test_what_was_begun_goes_on_while_role_and_scopes_last(now: Caller | None, may: bool) -> None:
    assert has_kept_rights(holder(Role.TESTER, Scope.RUNS_READ), now) is may


@pytest.mark.parametrize(("refusal", "code", "message", "details"), [
    (NoBaseRun(7), "not_found", "There is no run to compare run 7 with.", {"resource": "base_run", "id": 7}),
    (NotFound("regression_test", 7), "not_found", "Regression test 7 not found.", {"resource": "regression_test", "id": 7}),
    (LogNotFound(7, ["disk"]), "log_not_found", "The log of run 7 is in no store.", {"run_id": 7, "checked": ["disk"]}),
    (MissingOutput(), "missing_output", "The run did not produce this output.", {}),
    (Unauthorized(), "unauthorized", "Bearer token is missing, expired, or invalid.", {}),
    (InvalidCredentials(), "invalid_credentials", "Email or password is incorrect.", {}),
    (Invalid({"limit": "Too big."}), "validation_error", "Request failed schema validation.", {"fields": {"limit": "Too big."}}),
    (NotReady("Not yet.", retry_after=1), "conflict", "Not yet.", {"retry_after": 1}),
    (Unavailable("Too busy.", retry_after=9), "unavailable", "Too busy.", {"retry_after": 9}),
])
def test_a_refusal_says_what_and_how_to_help_oneself(
    refusal: Refusal, code: str, message: str, details: dict[str, object],
) -> None:
    assert (refusal.code, refusal.message, refusal.details) == (code, message, details)
    assert refusal.remedy is not None


@pytest.mark.parametrize(("kind", "code"), [(Forbidden, "forbidden"), (Conflict, "conflict"), (Unprocessable, "unprocessable")])
def test_a_refusal_without_a_remedy_of_its_kind_takes_the_one_it_is_given(kind: type[Refusal], code: str) -> None:
    plain, helpful = kind("No."), kind("No.", {"a": 1}, remedy="Ask.")

    assert (plain.code, plain.details, plain.remedy) == (code, {}, None)
    assert (helpful.details, helpful.remedy) == ({"a": 1}, "Ask.")


def test_text_from_outside_never_stands_in_a_refusals_words() -> None:
    refusal = NotFound("job", "<script>")

    assert refusal.message == "Job not found."
    assert refusal.details["id"] == "<script>"


def test_a_refusals_details_are_its_own() -> None:
    given = {"a": 1}
    refusal = Conflict("No.", given)

    given["a"] = 2

    assert refusal.details == {"a": 1}


def test_somebody_elses_account_may_be_changed_and_ones_own_not() -> None:
    admin = caller(Role.ADMIN)

    check_not_own(admin, admin.user_id + 1)
    with pytest.raises(Forbidden):
        check_not_own(admin, admin.user_id)


def test_requests_are_counted_by_the_token_or_the_session_that_they_came_with() -> None:
    admin = caller(Role.ADMIN)

    assert (admin.counted_as, admin.shown_token_id) == (f"token-{admin.token_id}", admin.token_id)
    assert replace(admin, token_id=None, session="5f0c").counted_as == "session-5f0c"


def test_a_session_that_a_password_began_has_shown_no_token() -> None:
    with pytest.raises(Unauthorized):
        _ = replace(caller(Role.ADMIN), token_id=None, session="5f0c").shown_token_id
