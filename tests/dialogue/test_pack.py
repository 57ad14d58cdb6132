"""A new scene is one file and one line: a pack beside ours is served without any other change."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.errors import Misconfigured
from bot.wiring import scenes_of
from tests.dialogue.town import ELECTRICITY, POWER, Town, item, open_town

PACKS = ("handlers", "tests.dialogue.pack")


@pytest.fixture
async def town(sqlite_url: str) -> AsyncIterator[Town]:
    """A town whose operator has put the library's item into the catalogue."""
    async with open_town(sqlite_url, "memory://", scenes=tuple(scenes_of(PACKS).values())) as opened:
        await opened.put(item("itm_library", POWER, "library", "图书馆欠费", "power", ELECTRICITY))
        yield opened


async def test_a_scene_of_another_pack_is_served(town: Town) -> None:
    assert "4. 图书馆欠费" in await town.say("你好")
    assert "请选择分馆" in await town.say("图书馆还书交钱")
    assert "请发送图书馆欠费的户号" in await town.say("南馆")
    assert "合计 128.50 元" in await town.say("0511111111")
    assert "点这里付款" in await town.say("1")
    assert (await town.last_order()).scene == "library"


async def test_its_examples_and_its_words_for_the_account_are_learned(town: Town) -> None:
    await town.chat("书超期了", "1")

    assert "合计 128.50 元" in await town.say("读者证0511111111")
    assert "合计 201.50 元" in await town.chat("读者证错了，是0512345678", "全部")


async def test_without_an_item_it_is_not_offered(sqlite_url: str) -> None:
    async with open_town(sqlite_url, "memory://", scenes=tuple(scenes_of(PACKS).values())) as town:
        assert "图书馆" not in await town.say("你好")
        assert "图书馆欠费在这里还没有开通" in await town.say("图书馆")


def test_two_packs_cannot_bring_the_same_scene() -> None:
    with pytest.raises(Misconfigured, match="scene_pack"):
        scenes_of(("handlers", "handlers"))
