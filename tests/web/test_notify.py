"""The gateways' notices: nothing unproven has an effect, nothing is acknowledged that is not in the books."""

import asyncio
import json

import pytest

from bot.kernel.errors import Busy, Conflict
from bot.payments.notices import Notices
from bot.web.notify import NOTICE_BYTES
from tests.web.rig import Browser, Shop

URL = "/notify/scripted/main"
GENUINE = {"X_Genuine": "yes"}


async def charged(shop: Shop, phone: Browser) -> bytes:
    """Return the body of the notice that a payment would bring."""
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    return json.dumps({"out_trade_no": list(shop.gateway.charges)[-1]}).encode()


async def test_a_genuine_notice_is_in_the_books_before_it_is_acknowledged(shop: Shop, phone: Browser) -> None:
    body = await charged(shop, phone)
    answer = await phone.post(URL, body, **GENUINE)

    assert (answer.status, answer.text) == (200, "{}")
    assert [row["state"] for row in await shop.rows("SELECT state FROM orders")] == ["paid"]


async def test_a_repeat_is_success_and_no_more(shop: Shop, phone: Browser) -> None:
    body = await charged(shop, phone)
    answers = await asyncio.gather(*(phone.post(URL, body, **GENUINE) for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    assert (await shop.audit()) == {"orders": 1, "charges": 1, "inbox": 1, "postings": 2, "suspense": 0}


async def test_an_unproven_notice_leaves_no_row(shop: Shop, phone: Browser) -> None:
    """Nor may it fill the tables of the trail: an outsider can send as many as he likes."""
    body = await charged(shop, phone)
    before = await shop.audit()
    for _ in range(5):
        assert (await phone.post(URL, body)).status == 401
    await shop.house.traces.flush()

    assert await shop.audit() == before and await shop.rows("SELECT 1 FROM traces WHERE kind = 'notice'") == []
    assert 'notices_total{gateway="scripted",outcome="unverified"} 5.0' in shop.house.metrics.render()[0].decode()


@pytest.mark.parametrize("url", ["/notify/scripted/other", "/notify/other/main", "/notify/scripted", "/notify/x/y/z"])
async def test_unknown_accounts_and_gateways(shop: Shop, phone: Browser, url: str) -> None:
    assert (await phone.post(url, b"{}", **GENUINE)).status == 404


async def test_a_body_above_the_limit(shop: Shop, phone: Browser) -> None:
    answer = await phone.post(URL, b"x" * (NOTICE_BYTES + 1), **GENUINE)

    assert (answer.status, answer.text) == (413, "body_too_large")


async def test_a_get_is_no_notice(shop: Shop, phone: Browser) -> None:
    assert (await phone.get(URL)).status == 405


@pytest.mark.parametrize("fault", [Busy("store_away"), Conflict("odd"), RuntimeError("a fault of ours")])
async def test_what_is_not_in_the_books_is_not_acknowledged(
    shop: Shop, phone: Browser, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """The gateway then comes again, by its own schedule."""
    body = await charged(shop, phone)

    async def take(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Notices, "take", take)
    answer = await phone.post(URL, body, **GENUINE)
    assert answer.status == 500 and "fault of ours" not in answer.text
    monkeypatch.undo()
    assert (await phone.post(URL, body, **GENUINE)).status == 200
