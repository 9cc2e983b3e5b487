"""Facts of pairs of outputs, kept by the contents of both files."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import orjson
from sqlalchemy import delete, insert, select

from api.domain.captions.fact import Fact, is_unread
from api.domain.captions.facts import FACTS_VERSION
from api.domain.captions.facts_state import FactsState
from api.domain.causes.came import Facts, Pair
from api.storage.database import change, session
from api.storage.tables.results import OutputFactsRow

# More facts of one pair are not kept.
FACT_LIMIT = 64
# So many are asked for in one statement.
PAIRS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KeptFacts:
    """What is known of a pair: all its facts, none unless the state says that they are ready."""

    state: FactsState
    facts: Facts = ()

    @property
    def outcome(self) -> str | None:
        """Whether the files were `read`, `unread` because they are in no format of captions, or `late`; None where they are gone."""
        if self.state is FactsState.MISSING:
            return None
        return "late" if self.state is FactsState.LATE else "unread" if is_unread(self.facts) else "read"


def load_facts(pairs: Iterable[Pair]) -> dict[Pair, KeptFacts]:
    """What is kept of these pairs by the present version; those of which nothing is are left out."""
    names = {name_of(pair): pair for pair in pairs}
    wanted, found = list(names), dict[Pair, KeptFacts]()
    for start in range(0, len(wanted), PAIRS_AT_ONCE):
        some = wanted[start:start + PAIRS_AT_ONCE]
        rows = session().execute(select(OutputFactsRow.pair, OutputFactsRow.state, OutputFactsRow.body).where(
            OutputFactsRow.pair.in_(some), OutputFactsRow.version == FACTS_VERSION))
        found |= {names[row.pair]: KeptFacts(FactsState(row.state), _unpacked(row.body)) for row in rows}
    return found


def keep_facts(told: Mapping[Pair, KeptFacts]) -> None:
    """Within a transaction: keep what is known of these pairs, in place of what was."""
    # In one order, so that two who keep the same ones do not lock each other out.
    values = sorted(((name_of(pair), each) for pair, each in told.items()), key=lambda value: value[0])
    if values:
        change(delete(OutputFactsRow).where(OutputFactsRow.pair.in_([name for name, _ in values])))
        session().execute(insert(OutputFactsRow), [
            {"pair": name, "version": FACTS_VERSION, "state": each.state.value, "body": _packed(each.facts)} for name, each in values])


def name_of(pair: Pair) -> str:
    """A name (32 hex digits) for a pair of contents; another one where the program ended in another way."""
    told = "\0".join((pair.expected, pair.actual, pair.extension, pair.code.value if pair.code else ""))
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _packed(facts: Facts) -> bytes:
    return orjson.dumps([fact.fields for fact in facts[:FACT_LIMIT]])


def _unpacked(body: bytes) -> Facts:
    return tuple(map(Fact.of_fields, orjson.loads(body)))
