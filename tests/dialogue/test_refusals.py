"""Every way in which a price or an order can be refused has its words, in each script, with the values it brings."""

import ast
from pathlib import Path

import pytest

import bot
from bot.billers.port import Refusal
from bot.dialogue.acts import Act
from bot.dialogue.event import Event, Said
from bot.dialogue.scene import Context
from bot.dialogue.session import Frame, State
from bot.dialogue.shapes.common import mend
from bot.dialogue.steps import Abort, Again, Ask, Done
from bot.words.render import default_renderer, say
from bot.words.scripts import Script
from tests.dialogue.town import START, Town, open_town

ROOT = Path(str(bot.__file__)).parent
# Where the refusals of a quote and of an order are made; charges and refunds are refused at the cashier and the desk.
MADE_IN = ("billers", "payments/orders.py", "payments/orders_many.py", "payments/draft.py", "payments/gatekeeper.py")
# Asked again rather than refused: the message's name is the code.
ASKED = {"amount_range"}


def refusals() -> set[str]:
    """Return the codes of all refusals that a conversation can meet, as the source makes them."""
    found: set[str] = set()
    for place in MADE_IN:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal":
                    codes = {part.value for part in _said(node.args[0]) if isinstance(part, ast.Constant)}
                    assert codes, f"{file.name}:{node.lineno} makes a refusal whose code nobody can find"
                    found |= {str(code) for code in codes}
    return found


def _said(code: ast.expr) -> list[ast.expr]:
    """Return what an expression may turn out to be: itself, or either side of a condition."""
    return [*_said(code.body), *_said(code.orelse)] if isinstance(code, ast.IfExp) else [code]


CODES = sorted(refusals())
FACTS: dict[str, str | int] = {
    "item": "电费", "opens": "06:00", "closes": "22:00", "until": "11-24 08:00", "reason": "", "minimum": 100,
    "maximum": 500, "most": 50, "part": 50, "owed": 100, "was": 1, "now": 2, "order_id": "ord_1",
    "limit": 1_000_000, "payee": "示范供电",
}  # fmt: skip


def test_there_are_refusals_to_speak_of() -> None:
    assert {"oldest_first", "bill_held", "over_limit", "already_paid", "closed_hours"} <= set(CODES)


@pytest.mark.parametrize("script", list(Script))
@pytest.mark.parametrize("code", CODES)
def test_a_refusal_has_its_words_in_each_script(code: str, script: Script) -> None:
    name = code if code in ASKED else f"refused_{code}"

    assert name in default_renderer().codes[script]
    assert say(name, script, FACTS)


@pytest.mark.parametrize("code", CODES)
async def test_a_refusal_leads_on_or_ends_in_words(code: str, quick: Town) -> None:
    """Whatever is refused, the customer is asked something, shown the bills anew, or told why it ended."""
    await quick.say("你好")
    state = Frame("property", Act.PAY, START)
    outcome = await mend(context_of(quick), Refusal(code, FACTS), state)

    assert isinstance(outcome, Ask | Again | Done | Abort)
    assert outcome.code in default_renderer().codes[Script.ZH_HANS]
    assert state.quote is None


def context_of(town: Town) -> Context:
    event = Event("k", "official", "main", "openid-小陈", START, "trc", Said("x"))
    return town.engine._context(State(customer_id="cus_x"), event)


def test_no_refusal_has_words_that_nobody_says() -> None:
    known = {f"refused_{code}" for code in CODES}
    written = {code for code in default_renderer().codes[Script.ZH_HANS] if code.startswith("refused_")}

    assert written - known == set()


async def test_a_limit_for_one_order_is_said(sqlite_url: str) -> None:
    async with open_town(sqlite_url, "memory://", order_max=10_000) as town:
        answer = await town.chat("买单", "1", "100.01", "1")
        assert "单笔最多 100.00 元" in answer
        assert await town.order_count() == 0
        assert "点这里付款" in await town.chat("买单", "1", "100", "1")
