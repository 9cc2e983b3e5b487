"""The policy of the documents, role by role and scope by scope, against what the server does."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import CI_DOCUMENT, DOCUMENTS, MACHINES_DOCUMENT, Application
from api.domain.auth.access import Role, Scope
from api.specfirst.binding.binding import WITHOUT_SCOPE
from api.specfirst.binding.documents import OperationText, load, operations
from tests.specfirst.asking import ask
from tests.specfirst.conftest import Make, token_for

CONTENT = load(CI_DOCUMENT)
SECURED = [text for text in operations(CI_DOCUMENT, CONTENT) if text.text.get("security", CONTENT.get("security"))]
OPEN = [text for text in operations(CI_DOCUMENT, CONTENT) if text not in SECURED]
SCOPES: list[tuple[Scope, ...]] = [(), *((scope,) for scope in Scope), tuple(Scope)]


@pytest.fixture(scope="module")
def unbound(make: Make) -> Application:
    """The real documents without a single handler: what gets past the policy is 400 or 501."""
    return make(documents=DOCUMENTS, find=lambda operation_id: None)


def _target(text: OperationText) -> str:
    return CI_DOCUMENT.base_path + re.sub(r"\{[^}]*\}", "1", text.path)


def _may(text: OperationText, role: Role, scopes: tuple[Scope, ...]) -> bool:
    policy: Any = text.text
    scope, roles = policy.get("x-required-scope"), policy.get("x-required-roles")
    return (scope is None or scope in scopes) and (roles is None or role in roles or "x-role-exception" in policy)


def _callers() -> Iterator[tuple[Role, tuple[Scope, ...]]]:
    for role in Role:
        for scopes in SCOPES:
            yield role, scopes


@pytest.mark.parametrize("text", SECURED, ids=lambda text: text.operation_id)
def test_a_secured_operation_lets_pass_exactly_whom_the_document_names(unbound: Application, text: OperationText) -> None:
    target, method = _target(text), text.method.upper()

    statuses = {
        (role, scopes): ask(unbound, target, method=method, token=token_for(role, *scopes)).status for role, scopes in _callers()}
    refused = ask(unbound, target, method=method).status

    expected = {(role, scopes): _may(text, role, scopes) for role, scopes in _callers()}
    assert refused == 401
    assert {caller: status in (400, 501) for caller, status in statuses.items()} == expected


@pytest.mark.parametrize("text", OPEN, ids=lambda text: text.operation_id)
def test_an_open_operation_asks_for_no_token(unbound: Application, text: OperationText) -> None:
    status = ask(unbound, _target(text), method=text.method.upper()).status

    assert status in (400, 501)


def test_only_the_login_the_health_check_and_downloads_by_ticket_are_open() -> None:
    assert {text.operation_id for text in OPEN} == {"create_token", "get_health", "download_file"}


def test_only_the_callers_own_tokens_need_no_scope() -> None:
    documents = [document for document in DOCUMENTS if document is not MACHINES_DOCUMENT]
    texts = [(text.text, content) for document in documents for content in [load(document)] for text in operations(document, content)]
    secured = [text for text, content in texts if text.get("security", content.get("security"))]

    assert {text["operationId"] for text in secured if "x-required-scope" not in text} == WITHOUT_SCOPE


def test_each_scope_and_role_of_the_policy_exists() -> None:
    scopes = {text.text["x-required-scope"] for text in SECURED if "x-required-scope" in text.text}
    roles = {role for text in SECURED for role in text.text.get("x-required-roles", ())}

    assert scopes <= set(Scope)
    assert roles <= set(Role)


def test_every_operation_of_the_documents_that_asks_for_a_token_can_refuse_with_401_and_403() -> None:
    declared = {text.operation_id: set(text.text["responses"]) for text in SECURED}

    lacking = [operation_id for operation_id, statuses in declared.items() if not {"401", "default"} <= statuses]

    assert lacking == []
