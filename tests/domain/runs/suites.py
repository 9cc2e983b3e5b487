"""Generated suites of regression tests."""
from __future__ import annotations

from hypothesis import strategies as st

from api.domain.runs.worker_suite import SuiteFile, SuiteTest

HASHES = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
EXTENSIONS = st.sampled_from([".srt", ".txt", ".tar.gz", ""])
NAMES = st.builds(lambda stem, suffix, extension: f"{stem}{suffix}{extension}", HASHES, st.sampled_from(["", "_1"]), EXTENSIONS)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
INPUTS = st.sampled_from(["file", "stdin", "udp"])
OUTPUTS = ["file", "null", "tcp", "cea708", "multiprogram", "stdout"]


def suite_tests(categories: st.SearchStrategy[str], outputs: list[str], *, fewest: int) -> st.SearchStrategy[SuiteTest]:
    """Tests of the categories and output types given, with at least `fewest` files."""
    files = st.lists(
        st.builds(SuiteFile, st.integers(1, 9999), NAMES, NAMES, st.booleans()), min_size=fewest, max_size=4,
        unique_by=lambda file: file.output_id)
    return st.builds(
        SuiteTest, st.integers(1, 2**31 - 1), categories, TEXTS, INPUTS, NAMES, st.sampled_from(outputs), files.map(tuple))


def suites() -> st.SearchStrategy[list[SuiteTest]]:
    """Any suites: repeated tests, repeated baselines, reports, tests without outputs, categories of any name."""
    strange = st.sampled_from(["DVB", "dvb", "CON", "a/b", "a b", "TestAll", "..", "", "Größe", "a-b-1"])
    return st.lists(suite_tests(st.one_of(strange, TEXTS), [*OUTPUTS, "report"], fewest=0), max_size=6)


def plain_suites() -> st.SearchStrategy[list[SuiteTest]]:
    """Suites that can be written as they are: grouped by category, each test once, each checked baseline once."""
    def is_plain(test: SuiteTest) -> bool:
        checked = [file.correct for file in test.files if not file.ignore]
        legible = all(character in "\t\n\r" or character >= " " for character in test.command)
        return len(checked) == len(set(checked)) and legible and not {"\ufffe", "\uffff"} & set(test.command)

    tests = suite_tests(st.sampled_from(["CEA-708", "DVB", "General"]), OUTPUTS, fewest=1).filter(is_plain)
    lists = st.lists(tests, max_size=6, unique_by=lambda test: test.regression_id)
    return lists.map(lambda each: sorted(each, key=lambda test: test.category))
