"""What the media library costs: processor time of this process and statements of its lists, and the memory in which it is kept.

    python -m benchmarks.library [--samples 250 10000] [--rounds 5] [--requests 40] [--mysql mysql+pymysql://root@127.0.0.1:3306]

Each library, with six tests for five samples, is filled into a database of its own, on the MariaDB server where one is named.
"""
from __future__ import annotations

import argparse
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import time_ns
from unittest.mock import patch

from flask import Flask
from sqlalchemy import create_engine, make_url

from api.domain.auth.access import Role
from api.server import make_server
from api.storage import schema
from api.storage.catalog.catalog import load_catalog
from api.storage.database import attach, db
from benchmarks import population
from benchmarks.measuring import processor_seconds
from contract.client import ValidatingClient
from tests.builders import add_token, add_user
from tests.counting import counted
from tests.handlers.site import Clock, settings_for

LISTS = ("samples", "samples?name=hd", "samples/30", "regression-tests", "regression-tests?category=DVB")


def fill(url: str, samples: int) -> tuple[str, float]:
    """Make the database; a token that may read it, and how many megabytes its catalog takes."""
    app = Flask("benchmark")
    attach(app, url, pool_size=2)
    with app.app_context(), patch.multiple(population, SAMPLES=samples, TESTS=samples * 6 // 5):
        schema.migrate(db.engine)
        population.populate(db.engine, 0)
        token = add_token(add_user("reader", role=Role.ADMIN), now=population.END)
        db.session.remove()
        tracemalloc.start()
        kept = load_catalog()
        taken = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        assert len(kept.samples) == samples
        db.session.remove()
        db.engine.dispose()
    return token, taken


def measure(url: str, folder: Path, samples: int, rounds: int, requests: int) -> Iterator[str]:
    """The rows of the table."""
    token, taken = fill(url, samples)
    yield f"| {samples:,} samples in memory | {taken:.0f} MB | |"
    app = make_server(settings_for(folder, folder / "unused", database_url=url), clock=Clock(population.END))
    with ValidatingClient(app, token=token) as client:
        for each in LISTS:
            path, _, query = f"/api/v1/{each}".partition("?")
            client.get(path)
            with counted() as counts:
                client.get(path)
            least = min(processor_seconds(app, token, requests, query, path) for _ in range(rounds)) / requests
            yield f"| {samples:,}: /{each} | {least * 1000:.2f} ms | {counts.statements} |"


def main() -> None:
    """Fill, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[250, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--mysql")
    arguments = parser.parse_args()
    print("| list | processor time, least | statements |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for samples in arguments.samples:
            url = f"sqlite:///{name}/{samples}.db"
            if arguments.mysql:
                database = f"ci_library_{samples}_{time_ns()}"
                with create_engine(arguments.mysql, isolation_level="AUTOCOMMIT").connect() as connection:
                    connection.exec_driver_sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
                url = make_url(arguments.mysql).set(database=database).render_as_string(hide_password=False)
            for row in measure(url, Path(name), samples, arguments.rounds, arguments.requests):
                print(row, flush=True)


if __name__ == "__main__":
    main()
