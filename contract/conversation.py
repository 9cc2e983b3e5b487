"""What the fuzzer's requests ask the server for outside the tests: tokens, answers to go on from, and things that may be deleted."""
from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import uuid4

from contract.application import ADMIN, CHANGED_PASSWORD, CHANGER, PASSWORD, make_token
from contract.fixtures import SPARES

TOKENS, SUBMISSION = "/auth/tokens", "/submit-async"
# Each is what the other is changed to.
PASSWORDS = {PASSWORD: CHANGED_PASSWORD, CHANGED_PASSWORD: PASSWORD}
SCOPES = ["runs:read", "runs:write", "results:read", "baselines:write", "system:read"]
# The platform's document has two more.
TITLE, MORE_SCOPES = "Sample Platform API", ["system:write", "tokens:manage"]
# What nothing keeps from being ended, by a number that nothing has; and all that goes by the number of a spare one.
UNHELD = dict.fromkeys(("extra_id", "category_id", "tag_id", "queued_id"), 4711) | {"machine_name": "4711"}
SPARED = ("regression_test_id", "regression_id", "output_id", "sample_id", *UNHELD)


class Conversation:
    """What the server told outside the tests; each thing is asked once."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self._tokens: dict[str, str | None] = {}
        self._answers: dict[str, Any] = {}
        self._spares = iter(SPARES)
        self._deleted = count()

    def spare(self) -> dict[str, int | str]:
        """What may be deleted, by the names of parameters: another one in two of three calls, for as long as there is any."""
        if next(self._deleted) % 3 == 2 or (found := next(self._spares, None)) is None:
            return {}
        return dict.fromkeys(SPARED, found) | {"machine_name": str(found)}

    def token(self, email: str) -> str | None:
        """A token of this account, where the document has a login; jobs are asked for with one that is known beforehand."""
        if email not in self._tokens:
            self._tokens[email] = self._new_token(email)
        return self._tokens[email]

    def _new_token(self, email: str) -> str | None:
        paths = self.schema.raw_schema["paths"]
        if SUBMISSION in paths:
            return make_token().value
        return log_in(self.schema, email) if TOKENS in paths else None

    def ask(self, path: str, parameters: Mapping[str, Any], query: Mapping[str, Any]) -> Any:
        """The answer to a GET, as JSON."""
        key = json.dumps([path, parameters, query], sort_keys=True, default=str)
        if key not in self._answers:
            headers = {"Authorization": f"Bearer {self.token(ADMIN)}"}
            case = self.schema[path]["GET"].Case(path_parameters=dict(parameters), query=dict(query), headers=headers)
            self._answers[key] = case.call().json()
        return self._answers[key]


_conversations: dict[int, Conversation] = {}


def conversation_of(schema: Any) -> Conversation:
    """The conversation of the tests of this document."""
    return _conversations.setdefault(id(schema), Conversation(schema))


def log_in(schema: Any, email: str) -> str:
    """A new token of the account."""
    return _try_password(schema, email, PASSWORD) or ""


def _try_password(schema: Any, email: str, password: str) -> str | None:
    """A new token of the account, None where this is not its password now."""
    scopes = SCOPES + (MORE_SCOPES if schema.raw_schema["info"]["title"] == TITLE else [])
    body = {"email": email, "password": password, "token_name": uuid4().hex, "scopes": scopes}
    answer = schema[TOKENS]["POST"].Case(body=body, media_type="application/json").call().json()
    return str(answer["token"]) if "token" in answer else None


def password_now(schema: Any) -> tuple[str, str]:
    """The password that CHANGER has now, and a token that it opened."""
    return next((password, token) for password in PASSWORDS if (token := _try_password(schema, CHANGER, password)))
