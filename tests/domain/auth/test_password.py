"""Which passwords may be set, and how long nobody may guess any more."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.login_pause import FREE_ATTEMPTS, MAX_PAUSE, account_key, pause_after
from api.domain.auth.password import check_password
from api.domain.errors import Unprocessable

COMMON = frozenset({"password", "iloveyou", "dragon", "12345678", "qwertyuiop", "1q2w3e4r", "monkey"})


def reason(password: str, *, email: str | None = "ada.lovelace@example.test", name: str = "Ada Lovelace") -> str | None:
    """Why the password is refused, None where it is not."""
    try:
        check_password(password, email=email, name=name, common=COMMON)
    except Unprocessable as refused:
        return str(refused.details["reason"])
    return None


@pytest.mark.parametrize("password", [
    "password", "PASSWORD", "Password1", "password123!", "P@ssw0rd", "p@$$w0rd2026", "!!dragon!!", "Dragon2026", "1L0v3you",
    "12345678", "1q2w3e4r", "QwertyUiop", "m0nkey12", "  iloveyou  ", "iloveyou!", "iL0v3y0u"])
def test_common_passwords_are_refused_in_every_dress(password: str) -> None:
    assert reason(password) == "common"


@pytest.mark.parametrize("password", [
    "ada.lovelace@example.test", "Ada.Lovelace@Example.TEST", "ada.lovelace", "Ada Lovelace", "adalovelace", "ADALOVELACE1815"])
def test_the_accounts_own_name_and_address_are_refused(password: str) -> None:
    assert reason(password) == "personal"


@pytest.mark.parametrize("password", [
    "aaaaaaaa", "abababab", "abcabcabcabc", "xyzwxyzw", "abcdefgh", "98765432", "monkeymonkey", "ssssssssssssssssssss", "xqxqxqxqx"[:8]])
def test_patterns_are_refused(password: str) -> None:
    assert reason(password) == "pattern"


@pytest.mark.parametrize("password", ["", "short", "sevench", "x" * 129])
def test_a_password_has_a_length(password: str) -> None:
    assert reason(password) == "length"


def test_a_password_has_no_character_that_the_platforms_hashes_cannot_have() -> None:
    assert reason("four good\0words here") == "character"


@pytest.mark.parametrize("password", [
    "correct horse battery staple", "another good password", "demo-tester-pass", "seven tin lanterns drift north", "kT9#vq2!",
    "пароль-на-каждый-день",
    "x7" * 3 + "qlmp", "1815-11-27 dragon tales"])
def test_other_passwords_may_be_set(password: str) -> None:
    assert reason(password) is None


def test_an_account_without_an_address_may_have_a_password_too() -> None:
    assert reason("kT9#vq2!", email=None, name="") is None


@given(st.text(max_size=140))
def test_every_text_is_refused_or_not_and_nothing_else_happens(password: str) -> None:
    assert reason(password) in {None, "length", "character", "common", "personal", "pattern"}


@given(st.integers(0, 10**6))
def test_pauses_grow_and_end(attempts: int) -> None:
    assert 0 <= pause_after(attempts) <= pause_after(attempts + 1) <= MAX_PAUSE
    assert (pause_after(attempts) == 0) is (attempts <= FREE_ATTEMPTS)


def test_the_first_pauses_are_short() -> None:
    assert [pause_after(FREE_ATTEMPTS + number) for number in range(1, 8)] == [30, 60, 120, 240, 480, 900, 900]


def test_spellings_of_one_address_are_counted_together_and_no_two_addresses() -> None:
    assert account_key("Ada@Example.test") == account_key("ada@example.TEST") != account_key("áda@example.test")
    assert len({account_key(text) for text in ("ada@example.test", "ada@example.test ", "", "\ud800")}) == 4
