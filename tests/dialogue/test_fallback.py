"""The second opinion: only acts and scenes that there are, nothing personal outside, and no payment by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.dialogue.acts import SCENELESS, Act, Heard, Understanding
from bot.dialogue.fallback import HARMLESS, Doubts, Fallback, weighed
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.outside.breaker import Patience
from bot.outside.http import HttpClient
from tests.dialogue.town import Town

THRESHOLD = 0.5
UNSURE = Understanding(Act.OOS, None, 0.1, {"amount": 100})
SHORT = 0.02


@dataclass
class StandIn:
    """Speaks the part of the protocol that we use; ``content`` is what the model says."""

    content: str = '{"act": "help", "scene": "water"}'
    status: int = 200
    slow: bool = False
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.path == "/v1/chat/completions"
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        if self.slow:
            await asyncio.sleep(SHORT * 2)
        return web.json_response({"choices": [{"message": {"content": self.content}}]}, status=self.status)

    @property
    def told(self) -> str:
        """What left the house last, whole."""
        return json.dumps(self.asked[-1], ensure_ascii=False)


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
async def fallback(stand_in: StandIn) -> AsyncIterator[Fallback]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", stand_in.handle)
    client = await HttpClient.create(ManualClock(datetime(2026, 11, 23, tzinfo=UTC)), patience=Patience(failures=2))
    async with TestServer(app) as server:
        yield Fallback(client, str(server.make_url("/v1")), "small", Secret("sk-test"))
        await client.close()


async def test_an_answer_of_the_closed_sets_is_taken(fallback: Fallback, stand_in: StandIn) -> None:
    assert await fallback.understand("水咋整") == (Act.HELP, "water")
    assert stand_in.keys == ["Bearer sk-test"]
    assert stand_in.asked[0]["model"] == "small"


@pytest.mark.parametrize(
    "content",
    [
        "help",
        "",
        "[]",
        "null",
        '{"act": "steal", "scene": null}',
        '{"act": "pay", "scene": "casino"}',
        '{"scene": "water"}',
        '{"act": "pay", "scene": "water", "amount": 100}',
        '{"act": "pay", "scene": "water"} and more',
        '{"act": ["pay"], "scene": "water"}',
    ],
)
async def test_any_other_answer_is_none(fallback: Fallback, stand_in: StandIn, content: str) -> None:
    stand_in.content = content

    assert await fallback.understand("水咋整") is None


async def test_what_is_about_no_scene_has_none(fallback: Fallback, stand_in: StandIn) -> None:
    stand_in.content = '{"act": "human", "scene": "water"}'

    assert await fallback.understand("喊个人") == (Act.HUMAN, None)


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_refusal_is_no_answer(fallback: Fallback, stand_in: StandIn, status: int) -> None:
    stand_in.status = status

    assert await fallback.understand("水咋整") is None


async def test_it_is_not_waited_for_and_not_asked_for_ever(fallback: Fallback, stand_in: StandIn) -> None:
    """Past the deadline there is no answer; after two of them the breaker keeps the next customers from waiting."""
    stand_in.slow = True
    hasty = Fallback(fallback.http, fallback.base_url, fallback.model, deadline=SHORT)

    assert [await hasty.understand("水咋整") for _ in range(4)] == [None] * 4
    assert len(stand_in.asked) == 2


async def test_nothing_personal_leaves_the_house(fallback: Fallback, stand_in: StandIn) -> None:
    await fallback.understand("我叫王小明 户号0512345678 电话13800138000 车牌粤B12345 水咋整")

    for personal in ("王小明", "0512345678", "13800138000", "粤B12345"):
        assert personal not in stand_in.told
    assert "水咋整" in stand_in.told


async def test_without_a_key_none_is_sent(fallback: Fallback, stand_in: StandIn) -> None:
    await Fallback(fallback.http, fallback.base_url, "small").understand("水咋整")

    assert stand_in.keys == [None]


@pytest.mark.parametrize("act", list(Act))
def test_only_a_harmless_act_is_believed(act: Act) -> None:
    """Whatever moves money, opens a case or changes an account stays below the threshold: a choice is offered."""
    for confidence in (0.0, 0.2, 0.49):
        scene = None if act in SCENELESS else "water"

        first = weighed(Understanding(Act.OOS, None, confidence, {"amount": 100}), (act, scene), THRESHOLD)

        assert (first.confidence >= THRESHOLD) == (act in HARMLESS)
        assert first.confidence < THRESHOLD + 0.02
        assert first.slots == {"amount": 100}
        if act is Act.PAY:
            assert first.scene == "water"


def test_what_may_not_be_believed_is_nothing_that_pays() -> None:
    assert {Act.PAY, Act.CONFIRM, Act.REFUND, Act.BIND, Act.AUTOPAY, Act.APPLY, Act.COLLECT}.isdisjoint(HARMLESS)


async def test_only_doubts_are_asked_about(fallback: Fallback, stand_in: StandIn) -> None:
    doubts = Doubts(fallback, THRESHOLD)
    sure = Heard(Understanding(Act.PAY, "water", 0.5))
    several = Heard(UNSURE, (UNSURE,))

    assert await doubts.settled("交水费", sure) is sure
    assert await doubts.settled("这个和那个", several) is several
    assert (await doubts.settled("12 34", Heard(UNSURE))).first is UNSURE
    assert stand_in.asked == []


async def test_a_doubt_is_settled_and_silence_leaves_it(fallback: Fallback, stand_in: StandIn) -> None:
    doubts = Doubts(fallback, THRESHOLD)

    assert (await doubts.settled("水咋整", Heard(UNSURE))).first.act is Act.HELP
    stand_in.content = '{"act": "oos", "scene": null}'
    assert (await doubts.settled("水仙咋养", Heard(UNSURE))).first is UNSURE
    stand_in.status = 503
    assert (await doubts.settled("水咋整", Heard(UNSURE))).first is UNSURE


class Opinion:
    """Says what it was told to, and remembers what it was asked."""

    def __init__(self, *said: tuple[Act, str | None]) -> None:
        self.said = list(said)
        self.asked: list[str] = []

    async def understand(self, text: str) -> tuple[Act, str | None] | None:
        self.asked.append(text)
        return self.said.pop(0)


async def test_a_payment_is_offered_and_not_begun(quick: Town) -> None:
    """The scene leads the numbered choices; the customer's own answer begins the payment."""
    opinion = Opinion((Act.PAY, "property"))
    object.__setattr__(quick.engine._p, "doubts", Doubts(opinion, THRESHOLD))

    offered = await quick.say("齉龘靐爩麤")

    assert opinion.asked == ["齉龘靐爩麤"]
    assert "1. 物业费" in offered
    assert await quick.order_count() == 0


async def test_names_and_answers_are_asked_of_nobody(quick: Town) -> None:
    opinion = Opinion()
    object.__setattr__(quick.engine._p, "doubts", Doubts(opinion, THRESHOLD))

    await quick.chat("陈晓明", "交物业费", "1-1-301", "林美华", "齉龘靐爩麤")

    assert opinion.asked == []
