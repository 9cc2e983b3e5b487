"""What the fuzzer has to be told beside its configuration: how to log in, and what there is to work on.

Loaded by `schemathesis.toml`, for the tests and for the command line.
"""
from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import AuthContext, Case, CheckContext, DeserializationContext, HookContext, Response

from contract import api_requests, machine_requests, page_requests
from contract.application import ADMIN, LOSER, REVIEWER, machine_token_value
from contract.conversation import TOKENS, conversation_of, log_in, password_now
from contract.documents import EVENT


def _title(case: Case[Any]) -> str:
    return str(case.operation.schema.raw_schema["info"]["title"])


def _is_page(case: Case[Any]) -> bool:
    return _title(case) == page_requests.TITLE


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """One token for all requests, but those that decide about others' and those that can revoke tokens: these have one each."""

    def get(self, case: Case[Any], context: AuthContext) -> str | None:
        """The token of the account that this request is made with."""
        path, schema = context.operation.path, context.operation.schema
        if _is_page(case):
            return page_requests.session_for(case)
        if _title(case) == machine_requests.TITLE:
            return machine_token_value()
        if path.startswith(TOKENS):
            return log_in(schema, LOSER)
        if path == api_requests.OWN_PASSWORD:
            return password_now(schema)[1]
        return conversation_of(schema).token(REVIEWER if path in api_requests.DECISIONS else ADMIN)

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        """Show the token."""
        if _is_page(case):
            page_requests.keep_session(case, data)
            return
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Hold each event of a stream against its schema, which stands where generators of clients don't look for one."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            media = operation.get("responses", {}).get("200", {}).get("content", {}).get("text/event-stream")
            if media is not None:
                media["schema"] = media[EVENT]


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Let a part of the valid requests be of what there is: no generator finds a password, a secret or the one repository."""
    if _is_page(case):
        page_requests.visit(case)
    elif _title(case) == machine_requests.TITLE:
        machine_requests.fit(case)
    else:
        api_requests.fit(case)


@schemathesis.check
def forged_places_are_refused(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """A cursor that the server did not make is good for nothing."""
    assert not api_requests.is_forged(case) or 400 <= response.status_code < 500, "A forged cursor was accepted."


@schemathesis.check
def strangers_are_led_to_the_way_in(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Somebody without a session sees the login instead of a page, and what was wanted is kept."""
    if _is_page(case) and page_requests.is_stranger(case) and response.status_code < 400:
        location = response.headers.get("location", [""])[0]
        assert location.startswith("/login?next="), f"A stranger was answered with {response.status_code} {location}."


@schemathesis.deserializer("text/html")
def read_page(context: DeserializationContext, response: Response) -> str:
    """A page is held against its schema as the text that it is."""
    return response.text
