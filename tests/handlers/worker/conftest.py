"""A run that a worker reports on."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.domain.runs.run import Phase
from tests.builders import BuiltTest, Output, add_event, add_regression_test, add_run, digest_of
from tests.handlers.site import Site


@pytest.fixture
def test(site: Site) -> BuiltTest:
    """The one regression test that there is; it has two outputs."""
    return add_regression_test(outputs=[Output(), Output(digest_of("second"), extension=".txt")], expected_exit_code=10)


@pytest.fixture
def run_id(site: Site, test: BuiltTest) -> int:
    """A run that is being tested."""
    made = add_run()
    add_event(made, Phase.PREPARATION)
    add_event(made, Phase.TESTING, "Running 1 test")
    return made


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No message leaves a file on its way in."""
    shared = request.getfixturevalue("site") if "site" in request.fixturenames else None
    yield
    if shared is not None:
        assert list((shared.files / "TempFiles").iterdir()) == []
