"""Peers: what the tests of one cause tell of each other, where a test by itself does not tell whose its failure is."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from api.domain.causes.attribution import Attributed, Confidence, Reason
from api.domain.results.origin import Origin

# So many tests of a cause that agree tell of the others.
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A test of a cluster: whose its failure is by itself, and whose the cluster's cause is in this test."""

    regression_id: int
    sample_id: int
    attributed: Attributed
    origin: Origin

    @property
    def tells(self) -> bool:
        """Whether the test by itself tells whose the cause is."""
        return self.origin in (Origin.MINE, Origin.NOT_MINE) and self.attributed.reason is not Reason.NONDETERMINISTIC


def agreed(members: Iterable[Member]) -> Origin | None:
    """Whose a cause is by the tests that tell of it, if these are enough and all say the same."""
    told = Counter(member.origin for member in members if member.tells)
    return next(iter(told)) if len(told) == 1 and told.total() >= FEWEST else None


def settled(places: Sequence[tuple[Member, Sequence[Member]]]) -> Attributed:
    """Whose a failure is by the others of each cluster that the test is in, where it is not known by the test itself.

    One cause that is the run's own makes the failure its own; where none of its causes is, it is not. A nondeterministic test shows the
    run's own change where another test of its sample does.
    """
    said = places[0][0].attributed
    is_noisy = said.reason is Reason.NONDETERMINISTIC and said.origin is not Origin.UNKNOWN
    if said.origin is not Origin.UNKNOWN and not is_noisy:
        return said
    told = set[Origin | None]()
    for member, members in places:
        others = [each for each in members if each.regression_id != member.regression_id]
        origin = agreed(others)
        is_seen = not is_noisy or any(each.tells and each.sample_id == member.sample_id for each in others)
        told.add(None if origin is Origin.MINE and not is_seen else origin)
    if Origin.MINE in told:
        return _by_others(said, Origin.MINE)
    return _by_others(said, Origin.NOT_MINE) if told == {Origin.NOT_MINE} and not is_noisy else said


def _by_others(said: Attributed, origin: Origin) -> Attributed:
    return replace(said, origin=origin, reason=Reason.AS_OTHERS_OF_ITS_CAUSE, confidence=Confidence.UNCERTAIN)
