"""API tokens, and secrets made of random bytes."""
from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.access import PLATFORM_SCOPES, Role, Scope
from api.domain.auth.token import REVIEWERS, SECRET_BYTES, issue_token, parse_scopes, token_digest, usable_scopes
from api.domain.errors import Forbidden
from api.domain.random_source import ALPHABET, RandomSource

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
secrets = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(secrets, st.lists(st.sampled_from(Scope)), st.integers(1, 365))
def test_a_token_is_made_of_its_secret_and_kept_as_a_hash(secret: bytes, scopes: list[Scope], days: int) -> None:
    token = issue_token(secret, "laptop", Role.ADMIN, scopes, days=days, now=NOW)

    assert re.fullmatch(r"spci_[A-Za-z0-9_-]{43}", token.value)
    assert token.digest == hashlib.sha256(token.value.encode()).hexdigest()
    assert token.value.startswith(token.prefix) and len(token.prefix) == 16
    assert token.scopes == tuple(sorted(set(scopes)))
    assert token.created_at == NOW.replace(microsecond=0)
    assert token.expires_at - token.created_at == timedelta(days=days)


@given(secrets, secrets)
def test_two_secrets_never_make_the_same_token(one: bytes, other: bytes) -> None:
    tokens = {issue_token(secret, "a", Role.USER, [], days=1, now=NOW).value for secret in (one, other)}

    assert len(tokens) == len({one, other})


@given(st.sampled_from(Role), st.sets(st.sampled_from(Scope)))
def test_a_token_is_issued_for_scopes_that_mean_something_for_the_role(role: Role, scopes: set[Scope]) -> None:
    useless = scopes - usable_scopes(role, scopes)

    if useless:
        with pytest.raises(Forbidden) as refused:
            issue_token(bytes(32), "a", role, scopes, days=1, now=NOW)
        roles = ["admin"] if useless - {Scope.BASELINES_WRITE} else ["admin", "contributor"]
        assert refused.value.details == {"scopes": sorted(useless), "required_roles": roles, "role": role.value}
    else:
        assert set(issue_token(bytes(32), "a", role, scopes, days=1, now=NOW).scopes) == scopes
    of_admins = PLATFORM_SCOPES if role is not Role.ADMIN else frozenset()
    assert useless == scopes & (of_admins | (frozenset() if role in REVIEWERS else {Scope.BASELINES_WRITE}))


@given(st.text(), st.text())
def test_whatever_is_shown_as_a_token_has_a_digest_of_its_own(one: str, other: str) -> None:
    assert (token_digest(one) == token_digest(other)) is (one == other)


def test_half_a_character_has_a_digest_too() -> None:
    assert len(token_digest("\ud800")) == 64


@given(st.binary(min_size=80, max_size=80))
def test_a_workers_token_is_64_letters_and_digits(drawn: bytes) -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return drawn

    token = RandomSource(random_bytes).worker_token()

    assert len(token) == 64 and set(token) <= set(ALPHABET)
    assert asked == [80]
    # Its digits are the number's lowest ones, to the base 62.
    assert sum(ALPHABET.index(digit) * 62**place for place, digit in enumerate(token)) == int.from_bytes(drawn) % 62**64


@pytest.mark.parametrize(("stored", "scopes"), [
    ('["runs:read", "runs:write"]', (Scope.RUNS_READ, Scope.RUNS_WRITE)), ('["runs:read", "runs:read"]', (Scope.RUNS_READ,)),
    ('["Runs:Read", "everything", 1, null, ["runs:read"]]', ()), ('{"runs:read": true}', ()), ('"runs:read"', ()), ("", ()), ("[", ()),
    ("[" * 100_000, ())])
def test_scopes_are_those_that_a_stored_list_spells_out(stored: str, scopes: tuple[Scope, ...]) -> None:
    assert parse_scopes(stored) == scopes


def test_who_has_no_known_role_gets_no_token() -> None:
    with pytest.raises(Forbidden):
        issue_token(bytes(SECRET_BYTES), "laptop", None, [], days=1, now=NOW)

    assert usable_scopes(None, list(Scope)) == frozenset()
