"""Frames are few, end in words, and are never walked without end; a price is made once while it holds."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame
from bot.dialogue.steps import Again, Ask, Outcome
from handlers import SCENES
from tests.dialogue.town import DINING, NOODLES, TickingClock, Town, item, open_town

STEPS_SEEN: list[str] = []


async def ask_on(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    return Ask("word", "ask_field", "text", {"label": scene.name, "help": ""})


async def go_round(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    STEPS_SEEN.append(scene.key)
    return Again("choose_again")


async def say_nothing(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    return None


def odd(key: str, word: str, step: object) -> Scene:
    return replace(SCENES[0], key=key, name=word, words=(word,), steps=(step,), examples=())  # type: ignore[arg-type]


ODD = (
    odd("first", "甲费用", ask_on),
    odd("second", "乙费用", ask_on),
    odd("third", "丙费用", ask_on),
    odd("fourth", "丁费用", ask_on),
    odd("round", "圈费用", go_round),
    odd("mute", "哑费用", say_nothing),
)


async def open_odd(town: Town) -> None:
    """Give each odd scene something to pay; without it a scene is not open."""
    for scene in ODD:
        await town.put(item(f"itm_{scene.key}", NOODLES, scene.key, scene.name, "hosted", DINING))


@pytest.fixture
async def odd_town(sqlite_url: str) -> AsyncIterator[Town]:
    async with open_town(sqlite_url, "memory://", scenes=(*SCENES, *ODD)) as opened:
        await open_odd(opened)
        yield opened


async def test_digressions_are_resumed_in_turn_and_at_most_three_lie_on_each_other(odd_town: Town) -> None:
    for word in "甲乙丙丁":
        assert f"请发送{word}费用" in await odd_town.say(f"交{word}费用")

    for below in "丙乙":
        answer = await odd_town.say("取消")
        assert f"我们继续办{below}费用" in answer
    assert await odd_town.say("取消") == "好的，已取消，没有扣款。"
    assert "没有正在办的事" in await odd_town.say("取消")


async def test_a_scene_said_again_takes_the_place_of_its_frame(odd_town: Town) -> None:
    await odd_town.chat("交甲费用", "交乙费用", "交甲费用", "取消")

    assert await odd_town.say("取消") == "好的，已取消，没有扣款。"


async def test_free_words_answer_a_question_for_words(odd_town: Town) -> None:
    assert "甲费用" in await odd_town.chat("交甲费用", "随便写点什么")


async def test_steps_that_go_round_end_in_words(odd_town: Town) -> None:
    STEPS_SEEN.clear()
    answer = await odd_town.say("交圈费用")

    assert "刚才出了点问题，没有扣款" in answer
    assert len(STEPS_SEEN) <= 5


async def test_a_scene_whose_steps_say_nothing_is_a_mistake_of_the_program(odd_town: Town) -> None:
    with pytest.raises(AssertionError, match="mute"):
        await odd_town.say("交哑费用")


async def test_a_scene_that_a_release_took_away_ends_in_words(sqlite_url: str, redis_url: str) -> None:
    """A frame of yesterday's pack is met by today's program."""
    async with open_town(sqlite_url, redis_url, scenes=(*SCENES, *ODD)) as before:
        await open_odd(before)
        await before.say("交甲费用")
    async with open_town(sqlite_url, redis_url, furnished=True) as town:
        assert "在这里还没有开通" in await town.say("随便")


async def test_lower_frames_grow_old_while_others_lie_on_them(odd_town: Town) -> None:
    clock = odd_town.clock
    assert isinstance(clock, TickingClock)
    await odd_town.say("交甲费用")
    clock.advance(15 * 60)
    await odd_town.say("交乙费用")
    clock.advance(10 * 60)

    assert await odd_town.say("取消") == "好的，已取消，没有扣款。"


async def test_a_price_is_asked_for_once_while_it_holds(quick: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digression at the confirmation shows the same price again and does not price anew."""
    await quick.chat("交物业费", "1-1-301", "林美华")
    biller = await quick.billers.biller("itm_fee")

    async def never(*_: object) -> None:
        raise AssertionError("priced again")

    monkeypatch.setattr(biller, "quote", never)
    assert "合计 188.70 元" in await quick.say("缴费记录")
    assert "点这里付款" in await quick.say("1")


async def test_one_shop_needs_no_choice_and_none_is_no_obstacle(quick: Town) -> None:
    await quick.execute("UPDATE stores SET state = 'paused' WHERE id = 'sto_2'")
    quick.catalogue.forget()
    assert "付给 老街面馆 中山路店" in await quick.say("买单")
    await quick.say("取消")
    await quick.execute("UPDATE stores SET state = 'paused'")
    quick.catalogue.forget()
    assert "付给 老街面馆（买单）" in await quick.say("买单")


async def test_two_shops_of_one_kind_are_chosen_by_their_payee(quick: Town) -> None:
    await quick.put(item("itm_bar", NOODLES, "dining", "饮品", "hosted", DINING))

    assert "1. 老街面馆 饮品" in await quick.say("买单")
    assert "1. 中山路店" in await quick.say("饮品")
