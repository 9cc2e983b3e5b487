"""Groups of failing tests with a fact in common, and which of them are one cause."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from api.domain.captions.fact import Fact
from api.domain.causes.key import Key, columns_of, has_value
from api.domain.causes.signs import Sign

# Groups with so much of their tests in common are one.
_SAME = 0.75
# Groups of one family are one cause where so few of their tests are the same, and so many of the smaller one's samples are the larger's.
_MOST_SHARED, _SAME_SAMPLES = 0.2, 0.6
# A group within another that is so many times as large, and has at most so many tests, is told beside it.
_WITHIN, _FEW = 3, 3
# A constant is a cause of its own where it is that of so many samples, and there are no more than so many.
_SAMPLES_OF_VALUE, _MOST_VALUES = 3, 3
_NEAR_MS = 10
# So many signs of a test are looked at, those of the largest share, and so many groups.
SIGN_LIMIT, GROUP_LIMIT = 16, 150
_REST = ("other", "")


@dataclass(frozen=True, slots=True)
class Failing:
    """A failing test with the signs of its causes."""

    regression_id: int
    sample_id: int
    signs: tuple[Sign, ...]


Member = tuple[Failing, Sign]


@dataclass(frozen=True)
class Group:
    """Failing tests with the signs that they are grouped by; `also` are facts that few of them have besides."""

    keys: frozenset[Key]
    members: tuple[Member, ...]
    also: tuple[Fact, ...] = field(default=())

    @cached_property
    def tests(self) -> frozenset[int]:
        """The ids of the tests."""
        return frozenset(test.regression_id for test, _ in self.members)

    @cached_property
    def samples(self) -> frozenset[int]:
        """The ids of their samples."""
        return frozenset(test.sample_id for test, _ in self.members)

    @cached_property
    def first(self) -> int:
        """The oldest place by which a member has it."""
        return max(sign.first for _, sign in self.members)

    @cached_property
    def before(self) -> int:
        """The newest place at which a member has it not."""
        return min(sign.before for _, sign in self.members)

    @property
    def is_noise(self) -> bool:
        """Whether every one of the tests shows this now and then, whatever the commit."""
        return all(sign.is_noise for _, sign in self.members)

    @cached_property
    def families(self) -> frozenset[str]:
        """What its facts are about."""
        heads = (kind.partition(".")[0] for kind, _ in self.keys)
        return frozenset("text" if head == "cues" else head for head in heads)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The times that its facts are about."""
        return frozenset(column for kind, _ in self.keys if kind.startswith("time.") for column in columns_of(kind))

    @cached_property
    def is_weak(self) -> bool:
        """Whether half of its facts may be what a fact of another format looks like."""
        return 2 * sum(map(_is_weak, self.keys)) >= len(self.keys)

    @cached_property
    def values(self) -> frozenset[tuple[int, str]]:
        """Measures with the tests that have them."""
        return frozenset((test.regression_id, sign.fact.parameter) for test, sign in self.members if has_value(sign.fact))

    def may_be(self, other: Group) -> bool:
        """Whether both may have come with one commit, and both are noise or neither is."""
        return max(self.first, other.first) < min(self.before, other.before) and self.is_noise is other.is_noise

    def joined(self, other: Group) -> Group:
        """Both as one."""
        return Group(self.keys | other.keys, (*self.members, *other.members), (*self.also, *other.also))


_WEAK_KINDS = frozenset({
    "cues.order", "cues.extra", "cues.doubled", "text.repeats-before", "text.wrap", "text.edited", "text.replaced",
    "text.cut", "text.indent", "text.letters-lost", "text.other", "other"})
_WEAK_SHAPES = (".some", ".first", ".last")


def _is_weak(key: Key) -> bool:
    kind, parameter = key
    if kind == "cues.lost":
        return parameter == "some"
    return kind in _WEAK_KINDS or kind.startswith("time.") and kind.endswith(_WEAK_SHAPES)


def groups_of(tests: Iterable[Failing]) -> list[Group]:
    """Each group is one cause, as far as can be told. A test is in a group of each of its causes."""
    by_key: dict[tuple[Key, bool], list[Member]] = {}
    for test in sorted(tests, key=lambda test: test.regression_id):
        for sign in sorted(test.signs, key=_order)[:SIGN_LIMIT]:
            by_key.setdefault((sign.key, sign.is_noise), []).append((test, sign))
    _settle_noise(by_key)
    groups = [
        group for (key, _), members in sorted(by_key.items()) for part in _by_place(members)
        for group in _by_value(Group(frozenset({key}), tuple(part)))]
    return _without_small(_joined(_joined(_largest(groups), _are_same), _are_siblings))


def _settle_noise(by_key: dict[tuple[Key, bool], list[Member]]) -> None:
    """Take what looks like noise for the cause of several other tests that show the same, where there are any."""
    for key, is_noise in list(by_key):
        others = by_key.get((key, False), ())
        if is_noise and len({test.regression_id for test, _ in others}) >= _FEW:
            by_key[key, False] = [*others, *((test, replace(sign, is_noise=False)) for test, sign in by_key.pop((key, True)))]


def _order(sign: Sign) -> tuple[float, str, str, int, int]:
    return -sign.fact.share, sign.fact.kind, sign.fact.parameter, sign.first, sign.before


def _largest(groups: list[Group]) -> list[Group]:
    """The largest groups, at most `GROUP_LIMIT`, and one of all members of others whose tests are in none of these."""
    order = sorted(groups, key=_size_order)
    told = frozenset(test for group in order[:GROUP_LIMIT] for test in group.tests)
    rest = tuple(member for group in order[GROUP_LIMIT:] for member in group.members if member[0].regression_id not in told)
    return [*order[:GROUP_LIMIT], Group(frozenset({_REST}), rest)] if rest else order[:GROUP_LIMIT]


def _by_place(members: Sequence[Member]) -> list[list[Member]]:
    """Members whose parts of the line have a place in common, in as few lists as can be; a member of several goes to the largest."""
    places: list[int] = []
    for _, sign in sorted(members, key=lambda each: each[1].before):
        if not places or sign.first > places[-1]:
            places.append(sign.before - 1)
    fits = [[place for place in places if sign.first <= place < sign.before] for _, sign in members]
    counts = Counter(place for each in fits if len(each) == 1 for place in each)
    found: dict[int, list[Member]] = {}
    for member, each in zip(members, fits, strict=True):
        found.setdefault(max(each, key=lambda place: (counts[place], -place)), []).append(member)
    return [found[place] for place in sorted(found)]


def _by_value(group: Group) -> list[Group]:
    """A group by the values of its measure, where these are few and each that of several samples; else the value is the sample's."""
    ((kind, _),) = group.keys
    if not kind.endswith(".const"):
        return [group]
    near: dict[int, list[Member]] = {}
    for member in sorted(group.members, key=lambda each: _number(each[1].fact)):
        value = _number(member[1].fact)
        near.setdefault(next((other for other in near if abs(other - value) <= _NEAR_MS), value), []).append(member)
    parts = [Group(frozenset({(kind, str(value))}), tuple(members)) for value, members in near.items()]
    is_split = 1 < len(parts) <= _MOST_VALUES and all(len(part.samples) >= _SAMPLES_OF_VALUE for part in parts)
    return parts if is_split else [group]


def _number(fact: Fact) -> int:
    try:
        return int(fact.parameter)
    except ValueError:
        return 0


def _joined(groups: list[Group], is_one: Callable[[Group, Group], bool]) -> list[Group]:
    """Groups of which those that are one cause were made one, the larger ones first."""
    left = sorted(groups, key=_size_order)
    found: list[Group] = []
    while left:
        group = left.pop(0)
        rest = []
        for other in left:
            if is_one(group, other):
                group = group.joined(other)
            else:
                rest.append(other)
        found.append(group)
        left = rest
    return found


def _size_order(group: Group) -> tuple[int, list[Key], int, int]:
    return -len(group.tests), sorted(group.keys), group.first, group.before


def _are_same(one: Group, other: Group) -> bool:
    return one.may_be(other) and len(one.tests & other.tests) >= _SAME * len(one.tests | other.tests)


def _are_siblings(one: Group, other: Group) -> bool:
    """Whether two groups are what one cause looks like in different formats, or in files of different length."""
    if not one.may_be(other) or not one.families & other.families:
        return False
    is_one_step = (one.first, one.before) == (other.first, other.before)
    if is_one_step and one.columns & other.columns and one.is_weak and other.is_weak:
        return True
    small, large = sorted((one, other), key=lambda group: len(group.samples))
    if len(small.samples & large.samples) < _SAME_SAMPLES * len(small.samples):
        return False
    if len(one.tests & other.tests) > _MOST_SHARED * min(len(one.tests), len(other.tests)):
        return is_one_step and one.is_weak and other.is_weak
    return "time" in one.families & other.families or one.is_weak or other.is_weak


def _without_small(groups: list[Group]) -> list[Group]:
    """Groups without those few tests that are all in one much larger group, where their facts are told beside."""
    found = list(groups)
    for small in sorted(groups, key=_size_order, reverse=True):
        if len(small.tests) > _FEW:
            continue
        large = next((each for each in found if each is not small and _is_within(small, each)), None)
        if large is not None:
            found.remove(small)
            place = found.index(large)
            found[place] = Group(large.keys, large.members, (*large.also, *dict.fromkeys(sign.fact for _, sign in small.members)))
    return found




def _is_within(small: Group, large: Group) -> bool:
    return small.may_be(large) and small.tests <= large.tests and len(large.tests) >= _WITHIN * len(small.tests)
