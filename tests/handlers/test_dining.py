"""A table that is noted, and a sum that is shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.acts import Act
from bot.dialogue.session import Frame, Slot
from handlers.consumer.dining import SCENE, hear_table, share
from tests.billers.samples import START


@given(whole=st.integers(1, 10**8), people=st.integers(2, 50))
def test_the_store_is_never_short_and_nobody_pays_a_fen_too_much(whole: int, people: int) -> None:
    each = share(whole, people)

    assert 0 <= each * people - whole < people


@pytest.mark.parametrize(
    ("words", "said", "amount", "table"),
    [
        ("4个人aa,一共268.5元,买单", 26_850, "6713", None),
        ("我们四个人平摊,买单100元", 10_000, "2500", None),
        ("12号桌买单", None, None, "12"),
        ("a3桌结账", 5_000, "5000", "A3"),
        ("4个人吃饭,买单268.5", 26_850, "26850", None),
        ("1个人aa买单50", 5_000, "5000", None),
    ],
)
async def test_what_is_heard(words: str, said: int | None, amount: str | None, table: str | None) -> None:
    frame = Frame("dining", Act.PAY, START, heard={"words": words})
    if said is not None:
        frame.slots["amount"] = Slot(str(said))
    for _ in range(2):  # Steps are walked again and again; a share is taken once.
        assert await hear_table(SCENE, None, frame) is None  # type: ignore[arg-type]  # It asks nobody.

    assert (frame.get("amount"), frame.get("table")) == (amount, table)
