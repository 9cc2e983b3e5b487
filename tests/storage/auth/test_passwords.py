"""Password hashes of four kinds; what an adopted platform must go on reading is never another kind."""
from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from passlib.hash import argon2, bcrypt, sha256_crypt, sha512_crypt

from api.storage.auth.passwords import fingerprint, hash_password, verify_password

CHEAP = {
    "argon2id": argon2.using(type="ID", time_cost=1, memory_cost=64, parallelism=1).hash("päss wörd"),
    "bcrypt": bcrypt.using(rounds=4).hash("päss wörd"),
    "$5$": sha256_crypt.using(rounds=1000).hash("päss wörd"),
    "$6$": sha512_crypt.using(rounds=1000).hash("päss wörd"),
}


@pytest.mark.parametrize("kind", CHEAP)
@pytest.mark.parametrize("platform", [True, False])
def test_the_right_password_fits_every_kind_of_hash(kind: str, platform: bool) -> None:
    assert verify_password("päss wörd", CHEAP[kind], platform=platform)


@pytest.mark.parametrize("kind", CHEAP)
@pytest.mark.parametrize("wrong", ["", "päss wörd ", "Päss wörd", "päss", "päss wörd\x00", "x" * 5000])
def test_a_wrong_password_fits_none(kind: str, wrong: str) -> None:
    assert not verify_password(wrong, CHEAP[kind], platform=False)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=100))
@example("\x00")
@example("a" * 73)
def test_any_password_is_judged_without_failing(password: str) -> None:
    fits = [verify_password(password, stored, platform=False) for stored in CHEAP.values()]

    assert fits == [password == "päss wörd"] * len(CHEAP)


@pytest.mark.parametrize("stored", [
    "", "*", "!", "plain text", "$1$md5$x", "$6$", "$6$rounds=1000$salt$", "$2b$04$short", "$argon2id$v=19$"])
def test_a_damaged_or_foreign_hash_lets_nobody_in(stored: str) -> None:
    assert not verify_password(stored, stored, platform=False)
    assert not verify_password("", stored, platform=True)


def test_nobodys_password_is_never_right() -> None:
    assert not verify_password("a password that nobody has", None, platform=False)
    assert not verify_password("", None, platform=True)


@pytest.mark.parametrize(("platform", "start"), [(True, "$6$rounds=656000$"), (False, "$argon2id$")])
def test_a_new_hash_is_of_the_kind_that_its_database_needs(platform: bool, start: str) -> None:
    made = hash_password("secret", platform=platform)

    assert made.startswith(start)
    assert verify_password("secret", made, platform=platform)
    assert len(made) <= 255


def test_a_fingerprint_tells_hashes_apart_and_gives_none_away() -> None:
    made = {fingerprint(stored) for stored in (*CHEAP.values(), "", "*")}

    assert len(made) == len(CHEAP) + 2
    assert all(len(each) == 64 for each in made)
