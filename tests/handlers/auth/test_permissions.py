"""Who may do what, operation by operation, as the documents say it and the running server does it."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from contract.client import ValidatingClient
from contract.documents import MACHINES, Operation, load_documents
from tests.builders import LIMITED, add_finished_run, add_regression_test
from tests.handlers.site import Site

DOCUMENTS = [document for document in load_documents() if document.name not in ("openapi-worker.yaml", MACHINES)]
SECURED = [each for document in DOCUMENTS for each in document.operations if each.secured]
OPEN = [each for document in DOCUMENTS for each in document.operations if not each.secured]
USABLE = {role: [scope for scope in Scope if role in LIMITED.get(scope, Role)] for role in Role}
# Streams that go on until somebody hangs up are asked to be short.
BRIEFLY = {"timeout": 1}


def operation_name(operation: Operation) -> str:
    """An operation's name in a test's."""
    return operation.operation_id


@pytest.fixture(autouse=True)
def run_id(site: Site) -> int:
    """The run that is asked for; it is over."""
    return add_finished_run(add_regression_test())


def ask(client: ValidatingClient, operation: Operation, run_id: int) -> Any:
    """Ask for an operation; what it needs beyond its path is left out, since rights are looked at before that."""
    path = operation.full_path.replace("{run_id}", str(run_id))
    if operation.operation_id == "platform_deactivate_user":
        # Whoever is asked for would be asking next.
        path = path.replace("{user_id}", "4711")
    for parameter in operation.parameters:
        path = path.replace("{" + parameter["name"] + "}", "1")
    known = {each["name"] for each in operation.parameters}
    return client.request(operation.method.upper(), path, params={name: value for name, value in BRIEFLY.items() if name in known})


def callers(operation: Operation) -> Iterator[tuple[Role, tuple[Scope, ...]]]:
    """Each role with the operation's scope alone, with all but that one, and with every one that the role can use."""
    for role in Role:
        for chosen in ({operation.scope}, set(Scope) - {operation.scope}, set(Scope)):
            yield role, tuple(scope for scope in USABLE[role] if scope in chosen)


@pytest.mark.parametrize("operation", SECURED, ids=operation_name)
def test_the_lack_of_a_scope_is_told_and_nothing_else_is_refused_for_it(site: Site, operation: Operation, run_id: int) -> None:
    for role, scopes in callers(operation):
        if not scopes:
            continue
        answer = ask(site.as_role(role, *scopes), operation, run_id)
        details = answer.json()["details"] if answer.status_code == 403 else {}
        lacking = operation.scope is not None and operation.scope not in scopes
        assert ("required_scope" in details) is lacking, (role, scopes, answer.text)
        if lacking:
            assert (details["required_scope"], details["token_scopes"]) == (operation.scope, sorted(scopes))
            assert f'scope="{operation.scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", [each for each in SECURED if each.roles and not each.role_exception], ids=operation_name)
def test_only_the_named_roles_get_past_the_door(site: Site, operation: Operation, run_id: int) -> None:
    refused = {
        role for role in Role
        if operation.scope in USABLE[role] and ask(site.as_role(role), operation, run_id).status_code == 403}

    assert refused == {role for role in Role if operation.scope in USABLE[role] and role not in operation.roles}


@pytest.mark.parametrize("operation", [each for each in SECURED if each.role_exception == "own_run"], ids=operation_name)
def test_roles_that_are_not_named_need_a_run_of_their_own(site: Site, operation: Operation, run_id: int) -> None:
    statuses = {role: ask(site.as_role(role), operation, run_id).status_code for role in Role}

    assert {role for role, status in statuses.items() if status == 403} == set(Role) - {Role(role) for role in operation.roles}


@pytest.mark.parametrize("operation", SECURED, ids=operation_name)
def test_nobody_gets_in_without_a_token(site: Site, operation: Operation, run_id: int) -> None:
    without, wrong = ask(site.client, operation, run_id), ask(site.client.as_("spci_wrong"), operation, run_id)

    assert (without.status_code, wrong.status_code) == (401, 401)
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", OPEN, ids=operation_name)
def test_open_operations_ask_for_none(site: Site, operation: Operation, run_id: int) -> None:
    assert ask(site.client, operation, run_id).status_code not in (401, 403)


def test_rights_are_looked_at_before_anything_is_said_about_what_there_is(site: Site) -> None:
    client = site.as_role(Role.USER, Scope.RESULTS_READ)

    answers = [client.get("/api/v1/runs/4711?nonsense=1"), client.get("/api/v1/runs/0"), client.post("/api/v1/runs", content=b"{")]

    assert [answer.status_code for answer in answers] == [403] * 3
