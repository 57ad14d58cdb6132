"""Customers who say anything at all, for long: no fault, no dead end, no order that nobody agreed to, no leak."""

import random
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.dialogue import cues
from bot.dialogue.event import Followed, Happening, Pictured, Placed, Pressed, Said, Scanned
from bot.dialogue.session import Conversation, Sessions, State
from tests.dialogue.neighbours import METERS
from tests.dialogue.town import CODE, ROOMS, TickingClock, Town, bill_no, open_town, words

KEYS = ("pay:property", "query:electricity", "pay:dining", "act:history", "act:human", "junk", "pay:")
# Three walks in-process and one on Redis: 2,000 turns in all, 20,000 in the soak.
TURNS = 600
TURNS_SOAK = 20_000
COMMON = (
    """
交物业费|查物业费|交电费|查电费|买单|交水费|我要缴费|缴费记录|开发票|退款|扣了钱没到账|怎么交|为什么|你好|谢谢|取消|算了|返回
人工|好|好的|嗯|确认|不|不对|不是|打错了|换个户号|换个房号|换门店|换个公司|改金额|重新选|全部|都交了|前两个|最后一个
第二个|1|2|3|4|5|1,2|2,3|12|50|58.5|一百二|两块五|0|99999999|-5|不是50是500|改成88|只交9月的|上个月的|取消订单|删除户号
先交电费再交物业费|交电费，然后查水费|把电费和物业费都交了|自动扣款|收款码|开户|天气怎么样|哈哈哈|？？？|。|😀|abc
pay my bill|cancel|我要繳電費|查電費|唔要喇|不知道|等一下|什么意思|再说一遍|没看懂|物业|电|店|元|是|的|绑定户号
我保存了哪些户号|叫我家|备注成公司|我家的都交了|我家的电费|交我家的|把我家和公司的电费都交了|删除我家的|帮我妈交电费|不用保存|再交一次
老样子|电费跟上次一样|到期提醒我|别提醒了|开通自动缴费|取消自动缴费|更多|上个月交了什么|找一下50块那笔|去年的电费|回单|除了9月|第一个和第三个
05111111|绑定电费户号|长辈模式|退出长辈模式|换门店|全都交了吧|{{7*7}}|<a href="x">y</a>|' OR 1=1 --
""".strip()
    .replace("\n", "|")
    .split("|")
)
CUSTOMERS = {
    "甲": ("3-2-501", "0512345678"),
    "乙": ("5-2-602", "0511111111"),
    "丙": ("1-1-301", "0522222222"),
}
MASKS = {"3-2-501": "**明", "5-2-602": "**国", "1-1-301": "**华"}
CONFIRMABLE = "回复 1 确认"
_TOTAL = re.compile(r"合计 (\d+\.\d\d) 元")


@dataclass
class Walk:
    """What is remembered of each customer, to hold the next answer against."""

    town: Town
    dice: random.Random
    last: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, str, str]] = field(default_factory=list)
    orders: int = 0

    async def step(self) -> None:
        who = self.dice.choice(list(CUSTOMERS))
        await self._disturb()
        what = self._happening(who)
        before = self.last.get(who, "")
        answer = words(await self.town.tell(what, who))
        self.said.append((who, repr(what), answer))
        await self._check(who, what, before, answer)
        # While a person answers, what was asked last is still on the customer's screen.
        self.last[who] = answer or before

    def _happening(self, who: str) -> Happening:
        room, meter = CUSTOMERS[who]
        own = [
            room,
            ROOMS[room][0],
            meter,
            f"交物业费 {room}",
            f"查电费 {meter}",
            f"不对，房号是{room}",
            f"户号是{meter}",
            f"{room} {ROOMS[room][0]}",
            f"把{room}叫{who}的老家",
            f"把{meter}叫{who}的老家",
            f"交{who}的老家的电费",
            f"绑定电费户号{meter}",
        ]
        lucky = self.dice.random()
        if lucky < 0.35:
            return Said(self.dice.choice([*own, "1", "1", "全部"]))
        if lucky < 0.9:
            return Said(self.dice.choice(COMMON), self.dice.choice(("text", "voice", "choice")))
        return self.dice.choice(
            (
                Pressed(
                    self.dice.choice(("pay:property", "query:electricity", "pay:dining", "act:history", "junk", "pay:"))
                ),
                Scanned(self.dice.choice((f"q_{CODE}", "pay_property", "q_nothing", "")), self.dice.random() < 0.5),
                Pictured("media", "https://example.com/x.jpg"),
                Placed("1", "2", asked=self.dice.random() < 0.5),
                Followed(),
                Said("".join(chr(self.dice.randrange(32, 0xFFFF)) for _ in range(self.dice.randrange(40)))),
            )
        )

    async def _disturb(self) -> None:
        """Let time pass, the power company fall silent, payments arrive, bills change."""
        town, lucky = self.town, self.dice.random()
        assert isinstance(town.clock, TickingClock)
        if lucky < 0.03:
            town.clock.advance(self.dice.choice((30, 600, 1000, 2000, 4000)))
        elif lucky < 0.06:
            town.power.silent = not town.power.silent
        elif lucky < 0.08 and await town.order_count():
            await town.pay_last()
            self.orders = await self._order_count()
        elif lucky < 0.10:
            number = bill_no("2026-11", self.dice.choice(list(MASKS)))
            await town.execute("UPDATE bills SET amount = amount + 100 WHERE bill_no = $1 AND state = 'open'", number)
        elif lucky < 0.11:
            await town.execute("UPDATE bills SET state = 'open', paid = 0 WHERE state = 'paid'")

    async def _order_count(self) -> int:
        return await self.town.count("SELECT count(*) AS n FROM orders")

    async def _check(self, who: str, what: Happening, before: str, answer: str) -> None:
        assert "刚才出了点问题" not in answer and "系统正忙" not in answer
        assert not re.search(r"None|Undefined|\{\{|\}\}|\bitm_|\bmer_|\bsto_|\bacc_", answer)
        assert answer or self._may_be_silent(what, who)
        for other, (room, meter) in CUSTOMERS.items():
            if other != who:
                assert MASKS[room] not in answer and room not in answer and meter not in answer
                assert f"{other}的老家" not in answer
        assert ROOMS[CUSTOMERS[who][0]][0] not in answer, "a name that was given as a proof is never echoed"
        orders = await self._order_count()
        if orders != self.orders:
            assert orders == self.orders + 1
            await self._check_order(who, what, before)
            self.orders = orders

    async def _check_order(self, who: str, what: Happening, before: str) -> None:
        """An order was shown whole, to this customer, right before, and agreed to in as many words."""
        assert isinstance(what, Said)
        assert cues.YES.match(cues.simple(what.text))
        assert CONFIRMABLE in before or "回覆 1 確認" in before or "Reply 1 to confirm" in before
        order = await self.town.last_order()
        shown = re.search(r"(?:合计|合計|Total CNY) (\d+\.\d\d)", before)
        assert shown is not None
        assert order.amount == int(shown[1].replace(".", ""))
        room, meter = CUSTOMERS[who]
        assert all(line.account_mask in ("", f"****{meter[-4:]}", f"****{room[-2:]}") for line in order.lines)

    def _may_be_silent(self, what: Happening, who: str) -> bool:
        return isinstance(what, Placed) or any(
            "[hand-off]" in answer for speaker, _, answer in self.said[-400:] if speaker == who
        )

    async def probe(self, who: str) -> None:
        """From wherever the customer is, a few plain words lead back to where everything can be done."""
        for text in ("返回", "取消", "取消", "取消", "取消", "取消", "取消", "取消"):
            await self.town.say(text, who)
        answer = await self.town.say("你好", who)
        assert re.search(r"\d\. 物业费", answer), answer
        answer = await self.town.say("交物业费", who)
        assert answer
        await self.town.say("取消", who)
        self.last[who] = ""


async def walk(town: Town, seed: int, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    watch_states(monkeypatch)
    going = Walk(town, random.Random(seed))
    try:
        for turn in range(turns):
            await going.step()
            if turn % 40 == 39:
                await going.probe(going.dice.choice(list(CUSTOMERS)))
                going.orders = await going._order_count()
    except BaseException:
        tail = "\n".join(f"{who} {what}\n    {answer!r}" for who, what, answer in going.said[-12:])
        print(f"seed {seed}, turn {len(going.said)}; the last turns:\n{tail}")  # noqa: T201 - For whoever mends it.
        raise


def watch_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """See at the end of every turn that nothing in a state grows without end."""
    packed = Sessions._packed

    def watched(self: Sessions, state: State) -> bytes:
        assert len(state.frames) <= 3 and len(state.waiting) <= 3 and len(state.transcript) <= 20
        assert len({frame.scene for frame in state.frames}) == len(state.frames)
        blob = packed(self, state)
        assert len(blob) < 40_000
        return blob

    monkeypatch.setattr(Sessions, "_packed", watched)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_random_walk(seed: int, sqlite_url: str, full_counts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_town(sqlite_url, "memory://") as town:
        await walk(town, seed, TURNS_SOAK // 3 if full_counts else TURNS, monkeypatch)


async def test_a_random_walk_on_redis(sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_town(sqlite_url, redis_url) as town:
        await walk(town, 4, TURNS // 3, monkeypatch)


def test_the_walk_knows_the_town() -> None:
    """What the checks rest on: the customers' accounts are there, and nobody shares one."""
    used: Any = [account for pair in CUSTOMERS.values() for account in pair]

    assert set(used) <= {*ROOMS, *METERS}
    assert len(set(used)) == len(used)
    assert Conversation is not None
