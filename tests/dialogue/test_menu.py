"""A menu of many scenes: a page at a time, what the customer uses first, every scene within reach."""

from collections.abc import AsyncIterator

import pytest

from bot.dialogue.event import Pressed
from handlers import SCENES
from tests.dialogue.town import ELECTRICITY, POWER, Town, item, open_town, words

FURNISHED = ("property", "electricity", "dining")


@pytest.fixture
async def full_town(sqlite_url: str) -> AsyncIterator[Town]:
    """A town in which every scene has something to pay."""
    async with open_town(sqlite_url, "memory://") as opened:
        for scene in SCENES:
            if scene.key not in FURNISHED:
                await opened.put(item(f"itm_{scene.key}", POWER, scene.key, scene.name, "power", ELECTRICITY))
        yield opened


def offered(answer: str) -> list[str]:
    """Return the numbered choices of an answer."""
    return [line.partition(". ")[2] for line in answer.splitlines() if line[:1].isdigit()]


async def test_every_scene_is_reached_page_by_page(full_town: Town) -> None:
    names, answer = [], await full_town.say("你好")
    for _ in range(5):
        page = offered(answer)
        names += [name for name in page if name not in ("更多", "缴费记录", "转人工客服")]
        if "更多" not in page:
            break
        answer = await full_town.say("更多" if len(names) < 10 else str(page.index("更多") + 1))
    assert names == [scene.name for scene in SCENES]


async def test_a_scene_of_a_later_page_opens_by_its_number(full_town: Town) -> None:
    page = offered(await full_town.chat("你好", "更多"))
    answer = await full_town.say("1")
    assert page[0] in answer or "请选择" in answer or "请" in answer
    assert "我帮不上忙" not in answer


async def test_what_the_customer_uses_leads(full_town: Town) -> None:
    await full_town.chat("查电费 0512345678", "取消")
    assert offered(await full_town.say("你好"))[0] == "电费"


async def test_large_type_shows_few_and_the_way_on(full_town: Town) -> None:
    page = offered(await full_town.say("字太小看不清，用大字"))
    assert page[0] == "转人工客服" and "更多" in page and len(page) <= 8
    assert "更多" in offered(await full_town.say("更多"))


@pytest.mark.parametrize("key", ["more:", "more:pay:", "more:x:9", "more:pay:-1", "more:pay:999999"])
async def test_a_wrong_page_shows_a_menu_and_never_fails(full_town: Town, key: str) -> None:
    answer = words(await full_town.tell(Pressed(key)))
    assert "缴费记录" in answer
