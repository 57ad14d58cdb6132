"""A number that is read back before it is paid for is read back to its owner only: no trace keeps it."""

import pytest

from bot.demo.sample import ITEMS
from bot.dialogue.shapes.common import in_groups
from bot.dialogue.turn import outline
from bot.words.render import say
from tests.billers.test_quoting import asker, line, quoted

MOBILE = next(item for item in ITEMS if item.id == "itm_mobile")


@pytest.mark.parametrize(
    ("number", "shown"),
    [("13800138000", "138-0013-8000"), ("3104000000000001", "3104-0000-0000-0001"), ("12345", "1234-5")],
)
def test_numbers_are_read_back_in_groups(number: str, shown: str) -> None:
    assert in_groups(number) == shown


@pytest.mark.parametrize("script", ["zh_hans", "zh_hant", "en"])
async def test_the_trace_of_a_confirmation_does_not_hold_the_number(script: str) -> None:
    definition = MOBILE.definition.model_copy(update={"caution": ""})
    quote = quoted(await asker(definition).quote(line(None, 5_000)))
    facts = {"quote": quote, "called": "", "caution": "", "supervised": "", "read_back": in_groups("13800138000")}
    words = say("confirm_pay", script, facts)

    assert "138-0013-8000" in words
    assert "138" not in outline(words[words.index("138-0013") - 10 :])


def test_items_that_cannot_be_mended_say_so_before_the_payment() -> None:
    field = MOBILE.definition.account

    assert field is not None and field.read_back
    assert "无法自动撤回" in MOBILE.definition.caution
