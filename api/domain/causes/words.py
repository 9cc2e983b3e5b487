"""Clusters in words for people. No word of a file is among them."""
from __future__ import annotations

from api.domain.captions.fact import Fact
from api.domain.captions.words import words
from api.domain.causes.clustering import Cluster
from api.domain.causes.key import columns_of, has_value

# So much of a cluster's measures must be one value for it to be told.
_ONE_VALUE = 0.8
_CLAUSES = 2


def cluster_words(cluster: Cluster) -> str:
    """What is different in a cluster and in how many tests, such as "every cue ends 40 ms earlier: 29 tests"."""
    clauses = dict.fromkeys(_clause(fact, cluster) for fact in cluster.facts)
    count = len(cluster.regression_ids)
    return f"{', and '.join(list(clauses)[:_CLAUSES])}: {count} {'test' if count == 1 else 'tests'}"


def _clause(fact: Fact, cluster: Cluster) -> str:
    if not has_value(fact) or max(cluster.values.values(), default=0) >= _ONE_VALUE * sum(cluster.values.values()):
        return words(fact)
    columns = columns_of(fact.kind)
    what = "times" if len(columns) > 1 else "start times" if "start" in columns else "end times"
    return f"the {what} {'drift' if fact.kind.endswith('.drift') else 'are shifted'}, by another amount in each sample"
