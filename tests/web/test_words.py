"""Every refusal that a page can meet has words for people."""

import re
from pathlib import Path

import pytest

from bot import billers, payments
from bot.words.render import default_renderer

# What only bills of the chat, refunds or the program's own mistakes can meet; pages say their general words for these.
ELSEWHERE = {
    *("bill_changed", "bill_gone", "bill_held", "bill_needed", "bill_twice", "nothing_chosen", "oldest_first"),
    *("one_at_a_time", "too_many", "whole_bill", "line_unknown", "nothing_left", "order_unpaid", "partial_refund"),
    *("order_unknown", "way_unsupported", "quote_expired"),
    # Said at a till, which has its own words (counter/counter.js).
    *("charge_made", "wallet_unsupported"),
}


def codes() -> set[str]:
    """All refusals that the rooms give, from their source: a renamed one must not fall silent."""
    found = set()
    for package in (billers, payments):
        for path in Path(package.__path__[0]).glob("*.py"):
            found.update(re.findall(r'Refusal\(\s*"([a-z_]+)"', path.read_text("utf-8")))
    return found


def words() -> dict[str, str]:
    template = default_renderer()._pages.get_template("cashier/parts.html")
    return dict(template.module.words)  # type: ignore[attr-defined]  # Jinja makes it of the template's own names.


@pytest.mark.parametrize("code", sorted(codes() - ELSEWHERE))
def test_a_refusal_has_words(code: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", words()[code])


def test_the_list_of_others_is_not_stale() -> None:
    assert codes() >= ELSEWHERE


def test_no_words_promise_what_the_page_cannot_know() -> None:
    """A failed connection or an unanswered call says nothing about money."""
    for code in ("other", "offline", "unfinished", "connecting", "confirming"):
        assert "没有扣款" not in words()[code]
