"""The keyword router: a table of lines, hard negatives, compounds, and how much work a message costs."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue import cues
from bot.dialogue.acts import SCENELESS, SCENES, Act
from bot.dialogue.router import KeywordRouter
from bot.dialogue.scene import Scene
from bot.dialogue.topics import TOPICS
from handlers import SCENES as REGISTERED

TODAY = date(2026, 11, 23)
LINES = Path(__file__).parent / "router_lines.txt"
# What the router itself calls, C functions included; the time is in the bench.
CALLS_MAX = 6_000
ROUTER = KeywordRouter(REGISTERED, lambda: TODAY)


@dataclass(frozen=True)
class Wanted:
    """One line of the table."""

    act: str
    scene: str | None
    text: str
    slots: dict[str, str]


def wanted() -> list[Wanted]:
    found = []
    for line in LINES.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            act, scene, text, *slots = (part.strip() for part in line.split("|"))
            pairs = dict(pair.split("=") for pair in (slots[0].split() if slots else []))
            found.append(Wanted(act, None if scene == "-" else scene, text, pairs))
    return found


@pytest.fixture
def router() -> KeywordRouter:
    return ROUTER


@pytest.mark.parametrize("line", wanted(), ids=lambda line: line.text)
def test_a_line_is_understood(router: KeywordRouter, line: Wanted) -> None:
    understood = router.understand(line.text).first

    assert (understood.act, understood.scene) == (line.act, line.scene)
    assert understood.act is Act.OOS or understood.confidence >= router.threshold
    if line.slots:
        assert {name: str(value) for name, value in understood.slots.items()} == line.slots


def test_every_scene_is_known_by_its_words_though_it_is_not_registered() -> None:
    """With no scene at all the table still names each of the closed set by each of its words."""
    bare = KeywordRouter((), lambda: TODAY)

    for topic in TOPICS.values():
        for word in topic.words:
            # A typo of the table is mended before the words are looked for, and 电 behind 交 becomes 电费.
            assert bare.understand(f"查{word}").first.scene == topic.key, word


def test_the_table_names_each_scene_once_and_no_word_twice() -> None:
    words = [word for topic in TOPICS.values() for word in (*topic.words, *topic.hints)]

    assert tuple(TOPICS) == SCENES
    assert sorted(word for word in set(words) if words.count(word) > 1) == []
    assert [word for word in words if cues.simple(word) != word] == [], "write the word that is meant"


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        ("先交电费再查水费", [("pay", "electricity"), ("query", "water")]),
        ("交电费，然后交物业费，顺便查一下水费", [("pay", "electricity"), ("pay", "property"), ("query", "water")]),
        ("把电费和水费都交了", [("pay", "electricity"), ("pay", "water")]),
        ("查电费、水费、燃气费", [("query", "electricity"), ("query", "water"), ("query", "gas")]),
        ("pay electricity and check water", [("pay", "electricity"), ("query", "water")]),
        ("把我家和我妈家的电费都交了", [("pay", "electricity")]),
        ("我再看看电费", [("query", "electricity")]),
        ("物业的水费", [("pay", "water")]),
        ("和物业费一样交电费", [("pay", "electricity")]),
        ("交电费，户号0512345678", [("pay", "electricity")]),
    ],
)
def test_compound_requests(router: KeywordRouter, text: str, requests: list[tuple[str, str]]) -> None:
    heard = router.understand(text)

    assert [(each.act.value, each.scene) for each in (heard.first, *heard.more)] == requests


def test_a_part_of_a_compound_keeps_its_own_slots(router: KeywordRouter) -> None:
    heard = router.understand("交电费200元再交物业费3-2-501")

    assert heard.first.slots == {"amount": 20_000}
    assert heard.more[0].slots == {"account": "3-2-501"}


def test_low_confidence_is_below_the_threshold(router: KeywordRouter) -> None:
    """A hint without an act (手机没电了) is offered as a choice and starts nothing."""
    understood = router.understand("手机没电了").first

    assert understood.confidence < router.threshold
    assert understood.scene == "electricity"


def test_a_scene_of_a_pack_brings_its_own_words() -> None:
    bikes = replace(REGISTERED[0], key="bikes", name="单车押金", words=("共享单车",), examples=(("扫码骑车", "pay"),))
    router = KeywordRouter((bikes,), lambda: TODAY)

    assert router.understand("交共享单车的钱").first.scene == "bikes"
    assert router.understand("扫码骑车").first.scene == "bikes"
    assert router.understand("单车押金").first.scene == "bikes"


def test_a_pack_takes_a_word_over_from_the_table() -> None:
    """A scene that an operator has opened knows better than the table what a word means to its customers."""
    scene: Scene = replace(REGISTERED[0], key="parking", name="停车月卡", words=("停车",))
    router = KeywordRouter((scene,), lambda: TODAY)

    assert router.understand("停车").first.scene == "parking"


def test_what_is_about_the_conversation_itself_names_no_scene(router: KeywordRouter) -> None:
    for text in ("转人工交电费", "取消", "好的", "不", "你好", "天气和电费小说"):
        understood = router.understand(text).first
        assert understood.act in SCENELESS
        assert understood.scene is None


@given(st.text(max_size=300))
def test_any_text_is_understood_without_a_fault(text: str) -> None:
    heard = ROUTER.understand(text)

    for understood in (heard.first, *heard.more):
        assert 0.0 <= understood.confidence <= 1.0
        assert understood.scene is None or understood.scene in SCENES
        assert understood.act not in SCENELESS or understood.scene is None


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions ``work`` calls: the same on every machine, however busy."""
    calls = 0

    def count(_frame: object, event: str, _what: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("piece", ["电费水费物业费", "交", "0", "一二三四五", "电费和水费，", "12.5元"])
def test_what_a_message_costs_has_a_bound(router: KeywordRouter, piece: str) -> None:
    """A long message of nothing but words of the table costs no more calls than the bound, and a longer one hardly."""
    router.understand(piece)
    long, longer = piece * (2_000 // len(piece)), piece * (20_000 // len(piece))

    assert calls_of(lambda: router.understand(long)) < CALLS_MAX
    assert calls_of(lambda: router.understand(longer)) < CALLS_MAX


def test_no_line_of_the_table_costs_much(router: KeywordRouter) -> None:
    texts = [line.text for line in wanted()]
    router.understand(texts[0])

    assert max(calls_of(lambda text=text: router.understand(text)) for text in texts) < CALLS_MAX  # type: ignore[misc]
