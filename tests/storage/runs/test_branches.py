"""The branches of runs: exactly the distinct ones, page by page from either end."""
from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.runs.run import Phase
from api.domain.text.casefold import contains
from api.services.runs.platform_sync import catch_up
from api.storage.runs.queue import Branch, list_branches
from tests.builders import NOW, add_event, add_run, minutes
from tests.databases import Database

NAMES = ("master", "Master", "été", "Été", "50%", "a_b", "🎬")
OWNERS = ("ada", "CCExtractor")
SINCE = minutes(20)


def fill() -> dict[tuple[str, str], Branch]:
    """Two runs of each branch, an older and a newer; what the list must know of each branch."""
    newest = {}
    for number, (owner, name) in enumerate(list(product(OWNERS, NAMES)) * 2):
        repository, commit = f"{owner}/ccextractor", f"{number:040x}"
        add_event(add_run(repository=repository, branch=name, commit=commit), Phase.TESTING, at=minutes(number))
        newest[repository.lower(), name] = Branch(repository, name, commit, minutes(number))
    catch_up(NOW)
    return newest


def test_a_page_of_branches_is_cut_from_all_that_are_meant(database: Database) -> None:
    newest = fill()
    everything = [newest[key] for key in sorted(newest, key=lambda key: (key[0], key[1].encode()))]

    @settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
    @given(
        st.none() | st.sampled_from(["CCEXTRACTOR/ccextractor", "ada/ccextractor", "bob/none"]),
        st.none() | st.sampled_from(["", "MAS", "é", "É", "%", "_", "🎬", "none"]), st.none() | st.booleans(), st.integers(1, 5),
        st.integers(0, 16))
    def check(repository: str | None, name: str | None, active: bool | None, limit: int, offset: int) -> None:
        page = list_branches(repository, name, SINCE, active, limit=limit, offset=offset)

        expected = [
            each for each in everything
            if (repository is None or each.repository.lower() == repository.lower()) and contains(each.name, name)
            and active in (None, each.newest_at >= SINCE)]
        assert (page.total, list(page.items)) == (len(expected), expected[offset:offset + limit])

    check()
