"""Compares what is said of a run's causes with the truth, and counts."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.domain.captions.fact import Fact
from api.domain.causes.analysis import Analysed, Analysis, Cause
from api.domain.causes.attribution import Confidence
from api.domain.results.origin import Origin
from benchmarks.causes.corpus import Corpus, Run
from benchmarks.causes.invented import FLAKY


@dataclass
class Score:
    """What was counted: members of clusters, for each cause of each run its recall and its clusters, and claims by their kind."""

    members: Counter[bool] = field(default_factory=Counter)
    recalls: list[float] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    claims: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    corpus: Corpus = field(init=False)

    def begin(self, corpus: Corpus) -> None:
        """Go on with another corpus."""
        self.corpus = corpus

    def judge(self, run: Run, found: Analysis, runs: Sequence[Run], since: Mapping[int, str | None] | None = None) -> None:
        """Compare an analysis with the truth about its run, which is the last of these; and since when tests fail, where it is told."""
        self._judge_clusters(run, found, runs)
        has_parent = run.pull_request is not None or run.commit in self.corpus.history.PARENT
        for test in found.tests if has_parent else ():
            if not run.tests[test.regression_id].is_told:
                continue
            self._judge_origin(run, test)
            self._judge_first_bad(run, test, runs)
            if since is not None:
                self._judge_since(run, test.regression_id, since[test.regression_id], runs)

    def figures(self) -> dict[str, str]:
        """The figures that goals are set for."""
        count = {kind: len(claims) for kind, claims in self.claims.items()}
        mine = {each: count.get(f"mine {each}", 0) for each in ("right", "wrong", "unknown")}
        first = {each: count.get(f"first bad {each}", 0) for each in ("exact", "superset", "part", "wrong")}
        since = {each: count.get(f"failing since {each}", 0) for each in ("right", "one of several", "wrong")}
        own = {each: count.get(f"cluster mine {each}", 0) for each in ("right", "wrong", "unknown")}
        came = {each: count.get(f"cluster first bad {each}", 0) for each in ("right", "wrong")}
        return {
            "membership precision": f"{self.members[True] / max(1, self.members.total()):.4f}",
            "mean recall of a cause": f"{sum(self.recalls) / max(1, len(self.recalls)):.4f}",
            "clusters for each cause": f"{sum(self.groups) / max(1, len(self.groups)):.3f} of {len(self.groups)}",
            "is it mine": _shares(mine), "marked proven, wrong": f"{count.get('proven wrong', 0)} of {count.get('proven', 0)}",
            "unknown, and the guilty commit is named": f"{count.get('unknown, guilty is named', 0)} of {mine['unknown']}",
            "first bad commits": _shares(first), "failing since": _shares(since),
            "clusters: is it mine": _shares(own), "clusters: first bad commit": _shares(came),
            "said to be flaky, wrong": f"{count.get('flaky wrong', 0)} of {count.get('flaky', 0)}"}

    def _judge_clusters(self, run: Run, found: Analysis, runs: Sequence[Run]) -> None:
        told = {test.regression_id for test in found.tests if run.tests[test.regression_id].is_told}
        truth: dict[str, set[int]] = defaultdict(set)
        for number in told:
            for cause in run.tests[number].causes:
                truth[cause].add(number)
        assigned: dict[str, list[Cause]] = defaultdict(list)
        for cluster in found.causes:
            if members := set(cluster.cluster.regression_ids) & told:
                best = max(truth, key=lambda each: (len(truth[each] & members), -len(truth[each]), each))
                assigned[best].append(cluster)
                self._judge_cluster(run, cluster, best, members - truth[best], runs)
        for cause, tests in truth.items():
            self._judge_cause(run, cause, tests, assigned[cause], found.causes)

    def _judge_cause(self, run: Run, cause: str, tests: set[int], clusters: Sequence[Cause], told: Sequence[Cause]) -> None:
        recall = max((len(tests & set(each.cluster.regression_ids)) / len(tests) for each in clusters), default=0.0)
        self.recalls.append(recall)
        self.groups.append(len(clusters))
        if len(clusters) != 1 or recall < 1:
            elsewhere = [each for each in told if tests & set(each.cluster.regression_ids)]
            self.claims["cause not one cluster"].append(
                f"{_named(run)} {cause} of {len(tests)} tests, recall {recall:.2f}: " + "; ".join(map(_words, elsewhere)))

    def _judge_cluster(self, run: Run, found: Cause, cause: str, strange: set[int], runs: Sequence[Run]) -> None:
        """Compare a cluster with the truth about the cause that most of it has: its members, whose it is, and since when."""
        self.members.update({True: len(found.cluster.regression_ids) - len(strange), False: len(strange)})
        if strange:
            self.claims["cluster of several causes"].append(f"{_named(run)} {cause} {_words(found)} of {strange} too")
        if cause == FLAKY or run.pull_request is None and run.commit not in self.corpus.history.PARENT:
            return
        truly, origin = cause in run.own, found.origin
        answer = "unknown" if origin is Origin.UNKNOWN else "right" if (origin is Origin.MINE) is truly else "wrong"
        words = f"{_named(run)} {_words(found)}: {origin}, {cause}, own {set(run.own)}"
        self.claims[f"cluster mine {answer}"].append(words)
        if found.first_bad is not None:
            members = set(found.cluster.regression_ids)
            tested = {each.commit for each in runs if each.platform == run.platform and members & each.tests.keys()}
            guilty = self._introduced(cause, run.commit, tested)
            answer = "right" if found.first_bad.commit == guilty else "wrong"
            self.claims[f"cluster first bad {answer}"].append(f"{words}; {found.first_bad.commit}, truly {guilty}")

    def _introduced(self, cause: str, commit: str, tested: Collection[str]) -> str:
        """The commit that brought a cause in; of one that was not tested the next that was is as near as can be known."""
        line = [commit, *self.corpus.ancestors(commit)]
        place = line.index(self.corpus.introduced(cause, commit))
        return next((each for each in reversed(line[:place + 1]) if each in tested), commit)

    def _judge_since(self, run: Run, number: int, said: str | None, runs: Sequence[Run]) -> None:
        causes = [cause for cause in run.tests[number].causes if cause != FLAKY]
        if causes:
            tested = {each.commit for each in runs if each.platform == run.platform and number in each.tests}
            guilty = {self._introduced(cause, run.commit, tested) for cause in causes}
            answer = "right" if {said} == guilty else "one of several" if said in guilty else "wrong"
            self.claims[f"failing since {answer}"].append(
                f"{_named(run)} {self.corpus.tests[number]['name']}: {said}, truly {sorted(guilty)} by {causes}")

    def _judge_origin(self, run: Run, test: Analysed) -> None:
        causes, said = run.tests[test.regression_id].causes, test.attributed
        truly = bool(set(causes) & run.own)
        answer = "unknown" if said.origin is Origin.UNKNOWN else "right" if (said.origin is Origin.MINE) is truly else "wrong"
        words = f"{_named(run)} {self._name(test)}: {said.origin} {said.reason}, causes {causes}, own {set(run.own)}, {_facts(said.facts)}"
        self.claims[f"mine {answer}"].append(words)
        if said.origin is Origin.UNKNOWN:
            guilty = {self.corpus.introduced(cause, run.commit) for cause in causes}
            if truly or guilty & set(said.suspects):
                self.claims["unknown, guilty is named"].append(words)
        for kind, claimed in (("proven", said.confidence is Confidence.PROVEN), ("flaky", said.origin is Origin.FLAKY)):
            if claimed:
                self.claims[kind].append(words)
                if answer == "wrong" or kind == "flaky" and FLAKY not in causes:
                    self.claims[f"{kind} wrong"].append(words)

    def _judge_first_bad(self, run: Run, test: Analysed, runs: Sequence[Run]) -> None:
        causes = [cause for cause in run.tests[test.regression_id].causes if cause != FLAKY]
        if not causes:
            return
        tested = {each.commit for each in runs if each.platform == run.platform and test.regression_id in each.tests}
        guilty = {self._introduced(cause, run.commit, tested) for cause in causes}
        said = {each.commit for each in test.first_bad}
        answer = "exact" if said == guilty else "superset" if said > guilty else "part" if said < guilty else "wrong"
        steps = [(step.commit, _facts(step.facts)) for step in test.steps]
        self.claims[f"first bad {answer}"].append(
            f"{_named(run)} {self._name(test)}: {sorted(said)}, truly {sorted(guilty)} by {causes}; {steps}, now {_facts(test.facts)}")

    def _name(self, test: Analysed) -> str:
        return str(self.corpus.tests[test.regression_id]["name"])


def _shares(counts: dict[str, int]) -> str:
    total = max(1, sum(counts.values()))
    return ", ".join(f"{name} {count} ({100 * count / total:.1f} %)" for name, count in counts.items())


def _named(run: Run) -> str:
    return f"run {run.run_id} of {run.commit} on {run.platform}:"


def _words(cause: Cause) -> str:
    return f"{len(cause.cluster.regression_ids)} × {_facts(cause.cluster.facts[:3])}"


def _facts(facts: Iterable[Fact]) -> str:
    return " + ".join(f"{fact.kind} {fact.parameter}".strip() for fact in facts)
