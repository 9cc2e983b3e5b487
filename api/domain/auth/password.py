"""The password policy: a minimum length, and none that is easily guessed."""
from __future__ import annotations

import string
from collections.abc import Container, Iterator
from itertools import pairwise

from api.domain.errors import Unprocessable

MIN_LENGTH, MAX_LENGTH = 8, 128
# A word as short as these is part of too many others.
MIN_WORD_LENGTH = 4
_DECORATION = string.digits + string.punctuation + string.whitespace
_REMEDY = "Choose a longer password, such as four or five words that have nothing to do with each other."
# The letters that people write as something else.
_DISGUISED = tuple(str.maketrans("@4301$57", f"aaeo{letter}sst") for letter in "il")


def check_password(password: str, *, email: str | None, name: str, common: Container[str]) -> None:
    """Let pass a password that may be set for this account. `common` are the passwords to refuse, in lower case.

    Raises Unprocessable for one that is too short or too long, common, made of the account's own name, or of a pattern.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Unprocessable(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", {"reason": "length"})
    # The hashes of the Sample Platform cannot be made of it.
    if "\0" in password:
        raise Unprocessable("A password has no NUL character.", {"reason": "character"})
    forms = set(_forms(password.lower()))
    if any(form in common for form in forms):
        raise _refusal("This password is one of those that are guessed first.", "common")
    if forms & set(_own_names(email, name)):
        raise _refusal("This password is the account's own name or address.", "personal")
    if _is_pattern(password.lower(), common):
        raise _refusal("This password is a short pattern.", "pattern")


def _refusal(message: str, reason: str) -> Unprocessable:
    return Unprocessable(message, {"reason": reason}, remedy=_REMEDY)


def _forms(password: str) -> Iterator[str]:
    """The password, and the word that it was made of: without the digits and signs around it, its letters no longer disguised."""
    word = password.strip(_DECORATION)
    tail = password.rstrip(_DECORATION)
    for form in (password, word, tail):
        yield from (each for each in (form, *(form.translate(letters) for letters in _DISGUISED)) if len(each) >= MIN_WORD_LENGTH)


def _own_names(email: str | None, name: str) -> Iterator[str]:
    address = (email or "").lower()
    yield from (each for each in (address, address.partition("@")[0], name.lower(), "".join(name.lower().split())) if each)


def _is_pattern(password: str, common: Container[str]) -> bool:
    """Whether it is a short or common text over and over, or letters and digits in their order."""
    period = (password + password).find(password, 1)
    if period < len(password) and (period <= MIN_WORD_LENGTH or password[:period] in common):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(password)}
    return steps in ({1}, {-1})
