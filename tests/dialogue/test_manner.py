"""Large type: asked for in many words, kept with the customer for longer than the conversation, and switched off."""

import pytest

from bot.dialogue import cues
from bot.dialogue.manner import _OFF, _ON
from bot.kernel.clock import ManualClock
from tests.dialogue.town import Town


@pytest.mark.parametrize(
    "text",
    [
        "长辈模式",
        "我老了看不清",
        "大字",
        "字太小了",
        "眼睛不好看不清楚",
        "能不能把字放大",
        "年纪大了看不清字",
        "打开关怀模式",
        "large print",
    ],
)
def test_large_type_is_asked_for(text: str) -> None:
    assert _ON.search(cues.simple(text)) and not _OFF.search(cues.simple(text))


@pytest.mark.parametrize("text", ["退出长辈模式", "不要大字了", "关闭长辈模式", "普通模式", "normal type"])
def test_it_is_switched_off(text: str) -> None:
    assert _OFF.search(cues.simple(text))


@pytest.mark.parametrize("text", ["交电费", "大字报", "老人公交卡", "给老人交水费", "看不懂", "普通发票"])
def test_other_words_change_nothing(text: str) -> None:
    assert not _ON.search(cues.simple(text)) and not _OFF.search(cues.simple(text))


async def test_the_wish_outlives_the_conversation(quick: Town) -> None:
    await quick.say("长辈模式")
    assert isinstance(quick.clock, ManualClock)
    quick.clock.advance(7_200)

    assert "1. 转人工客服" in await quick.say("你好")
    assert "1. 转人工客服" not in await quick.say("你好", "老王")


async def test_what_was_under_way_goes_on(quick: Town) -> None:
    await quick.say("交电费")

    assert "请发送电费的户号" in await quick.say("字太小了看不清")
