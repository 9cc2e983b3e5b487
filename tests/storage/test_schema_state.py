"""The steps of the schema, told by the names of files, are those that Alembic goes."""
from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from api.storage.schema_state import MIGRATIONS, revisions


def test_the_steps_by_name_are_all_steps_in_their_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    steps = ScriptDirectory.from_config(config)

    assert [step.revision for step in reversed(list(steps.walk_revisions()))] == revisions()
