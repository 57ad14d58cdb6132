"""Scene by scene: query, pay, part or preset, receipt and exception, through the real webhook and the real database."""

from datetime import UTC, datetime

import pytest

from handlers import SCENES
from tests.e2e.leaping import City
from tests.e2e.scene_play import SECTIONS, SceneFile, play, scene_files
from tests.e2e.scene_table import PAGE, table

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = scene_files()
# Ten in the morning in Shanghai, on a Tuesday: late fees, terms and opening hours depend on the day.
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
async def test_scene(file: SceneFile, city: City) -> None:
    await play(file, city)


async def test_every_scene_shows_every_kind_of_business() -> None:
    shown = {file.path.stem: file.sections for file in FILES}
    assert sorted(shown) == sorted(scene.key for scene in SCENES)
    assert {key: sections for key, sections in shown.items() if sections != SECTIONS} == {}


async def test_the_books_are_clean_after_all_of_it(city: City) -> None:
    assert await city.town.audit() == []


async def test_the_page_shows_what_is_played() -> None:
    assert table() in PAGE.read_text("utf-8"), "run python -m tests.e2e.scene_table and put it into docs/scenes.md"
