"""Above an item's limit nothing is quoted, by whatever way it is asked for: the bank's own channels take it."""

import pytest

from bot.billers.port import Quote, Refusal
from tests.billers.samples import definition
from tests.billers.test_quoting import asker, bill, line

LIMITED = definition(bank_above=15_000)


@pytest.mark.parametrize(("numbers", "taken"), [(("B1",), True), (("B1", "B2"), True), (("B1", "B2", "B3"), False)])
async def test_the_sum_of_a_choice_counts(numbers: tuple[str, ...], taken: bool) -> None:
    bills = [bill(number, 7_500) for number in numbers]
    answer = await asker(LIMITED, *bills).quote(*map(line, bills))

    assert isinstance(answer, Quote) is taken
    if not taken:
        assert answer == Refusal("send_to_bank", {"limit": 15_000})


async def test_the_biller_is_not_even_asked() -> None:
    asked = asker(LIMITED, bill("B1", 15_001))

    assert await asked.quote(line(bill("B1", 15_001))) == Refusal("send_to_bank", {"limit": 15_000})
    assert asked.asked == []
