"""The newest step of the schema, told by the names of files, is the one that the machinery would go to."""
from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from api.storage.schema_state import MIGRATIONS, newest_revision


def test_the_newest_step_by_name_is_the_head_of_all_steps() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    steps = ScriptDirectory.from_config(config)

    assert steps.get_heads() == [newest_revision()]
