"""How the run of the fuzzer is judged."""
from __future__ import annotations

from contract.live_fuzz import OWN, never_successful


def test_an_operation_without_a_success_is_told() -> None:
    unreached = never_successful("operation=get_run status=200\noperation=list_runs status=400\n")

    assert "get_run" not in unreached and "list_runs" in unreached


def test_operations_of_documents_that_were_left_out_are_not_told() -> None:
    unreached = never_successful("operation=list_runs status=400\n", tuple(OWN))

    assert "list_runs" in unreached and "run_page" not in unreached and not any(name.startswith("platform_") for name in unreached)


def test_a_form_succeeds_by_leading_on_and_a_page_does_not() -> None:
    unreached = never_successful("operation=cancel_run_form status=303\noperation=run_page status=303\n")

    assert "cancel_run_form" not in unreached and "run_page" in unreached
