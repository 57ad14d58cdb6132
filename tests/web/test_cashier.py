"""The cashier of an order in each of its states, and the charge that is born there."""

import asyncio

import pytest

from bot.kernel.clock import ManualClock
from bot.kernel.ids import random_text
from bot.outside.logging import bind_trace, current_trace
from bot.payments.facts import Declined, Unknown
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.web.rig import DESKTOP, URL, Browser, Shop, open_shop


async def test_the_page_shows_who_is_paid_and_how_much(shop: Shop, phone: Browser) -> None:
    order = await shop.order(2_550)
    page = await phone.sign_in(f"/cashier/{order.token}")

    assert page.status == 200
    assert "老街面馆有限公司" in page.text and "25.50" in page.text and "中山路店 买单" in page.text
    assert order.id not in page.text, "the page knows the token of its address and no id"


async def test_reload_and_a_second_tap_meet_the_same_charge(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    first = await phone.charge(order)
    await phone.get(f"/cashier/{order.token}")
    second = await phone.charge(order)

    assert first.json == second.json and first.json["result"] == "pay"
    assert (await shop.audit())["charges"] == 1 and shop.gateway.count("create") == 1


async def test_two_tabs_at_once_make_one_charge(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    answers = await asyncio.gather(*(phone.charge(order) for _ in range(8)))

    assert {answer.json["result"] for answer in answers} <= {"pay", "wait"}
    assert (await shop.audit())["charges"] == 1
    assert (await phone.charge(order)).json["result"] == "pay"


async def test_a_forwarded_link_is_paid_by_whoever_opens_it(shop: Shop, phone: Browser) -> None:
    """The first person's charge is closed upstream before the second person's is made (payments.md, trap 26)."""
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}", "openid-1")
    await phone.charge(order)
    friend = await shop.browser()
    await friend.sign_in(f"/cashier/{order.token}", "openid-2")
    opened = await friend.charge(order)

    assert opened.json["result"] == "pay"
    assert [request.payer_id for request in shop.gateway.requests] == ["openid-1", "openid-2"]
    assert [charge.state for charge in shop.gateway.charges.values()] == ["closed", "waiting"]
    await shop.pay(order)
    assert (await phone.charge(order)).json == {"result": "paid", "url": f"/receipts/{order.token}"}


async def test_while_the_first_charge_is_being_closed_the_second_payer_waits(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}", "openid-1")
    await phone.charge(order)
    shop.gateway.script("close", *[Unknown("timeout")] * 4)
    friend = await shop.browser()
    await friend.sign_in(f"/cashier/{order.token}", "openid-2")

    assert (await friend.charge(order)).json["result"] == "wait"
    shop.gateway.scripts["close"].clear()
    assert (await friend.charge(order)).json["result"] == "pay"


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_no_answer_to_create_means_wait_and_then_the_identical_request(
    shop: Shop, phone: Browser, lost: str
) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    shop.gateway.script("create", lost, lost)
    waiting = await phone.charge(order)

    assert waiting.json["result"] == "wait" and 0 < waiting.json["retry_after"] <= 5
    assert (await phone.charge(order)).json["result"] == "pay"
    assert len({repr(request) for request in shop.gateway.requests}) == 1, "identical each time"
    assert (await shop.audit())["charges"] == 1


async def test_declined(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    shop.gateway.script("create", Declined("merchant_limit", "NO_AUTH", "商户号该产品权限未开通"))
    refused = await phone.charge(order)

    assert (refused.status, refused.json) == (409, {"result": "refused", "code": "declined"})
    assert "NO_AUTH" not in refused.text, "what a vendor says is for the log"
    assert (await phone.charge(order)).json["result"] == "pay", "a new charge under a new number"
    assert (await shop.audit())["charges"] == 2


async def test_payer_without_a_session_is_sent_to_sign_in(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    answer = await phone.charge(order)

    assert answer.json == {"result": "sign_in", "url": f"/cashier/{order.token}"}
    assert (await shop.audit())["charges"] == 0


async def test_only_the_page_itself_may_ask(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    path = f"/cashier/{order.token}/charge"

    assert (await phone.post(path)).status == 403, "a form of another site cannot set the header"
    assert (await phone.post(path, X_Scenepay="cashier", Origin="https://evil.example")).status == 403
    assert (await shop.audit())["charges"] == 0
    assert (await phone.post(path, X_Scenepay="cashier", Origin=URL)).status == 200


async def test_no_amount_from_a_page_is_believed(shop: Shop, phone: Browser) -> None:
    order = await shop.order(2_550)
    await phone.sign_in(f"/cashier/{order.token}")
    form = {"amount": "1", "total": "1", "order": "ord_other", "payer": "openid-9"}
    await phone.post(f"/cashier/{order.token}/charge?amount=1", form, X_Scenepay="cashier")

    assert [(request.amount, request.payer_id) for request in shop.gateway.requests] == [(2_550, "openid-1")]


@pytest.mark.parametrize(
    ("agent", "code"),
    [(DESKTOP, "wallet"), ("AlipayClient/10.5", "no_way"), ("MicroMessenger wxwork/4.1", "wallet"), ("", "wallet")],
)
async def test_a_wallet_that_cannot_pay_here_gets_no_charge(shop: Shop, agent: str, code: str) -> None:
    refused = await (await shop.browser(agent)).charge(await shop.order())

    assert (refused.status, refused.json) == (409, {"result": "refused", "code": code})


async def test_a_merchant_whom_this_wallet_cannot_pay(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await shop.execute("UPDATE merchants SET gateways = '{}'")

    page = await phone.get(f"/cashier/{order.token}")
    assert page.status == 503 and "暂时不能付款" in page.text
    assert (await phone.charge(order)).json == {"result": "refused", "code": "no_way"}


# --- states ---------------------------------------------------------------------------------------------------------


async def test_expired(shop: Shop, phone: Browser, clock: ManualClock) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    clock.advance(901)
    page = await phone.get(f"/cashier/{order.token}")

    assert page.status == 410 and "订单已过期" in page.text and "刚刚付过款" in page.text
    assert (await phone.charge(order)).json == {"result": "refused", "code": "order_expired"}


@pytest.mark.parametrize(
    ("state", "words"), [("closing", "正在向支付机构确认有没有付款"), ("closed", "请返回聊天重新查询账单")]
)
async def test_closing_and_closed(shop: Shop, phone: Browser, state: str, words: str) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    await shop.execute("UPDATE orders SET state = $1", state)
    page = await phone.get(f"/cashier/{order.token}")

    assert page.status == 410 and words in page.text
    assert ("/status?since=" in page.text) == (state == "closing"), "a page that can still change watches"
    assert (await phone.charge(order)).json == {"result": "refused", "code": "order_closed"}


async def test_paid(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    await shop.pay(order)
    page = await phone.get(f"/cashier/{order.token}")

    assert (page.status, page.location) == (303, f"/receipts/{order.token}")
    receipt = await phone.get(page.location)
    assert receipt.status == 200 and "付款成功" in receipt.text and "等待入账" in receipt.text


async def test_paid_late(shop: Shop, phone: Browser, clock: ManualClock) -> None:
    """Money that came for a closed order: the page says that it is being seen to, and not that it failed."""
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    await shop.execute("UPDATE orders SET state = 'paid_late'")
    page = await phone.get(f"/cashier/{order.token}")
    pending = await phone.get(page.location)

    assert page.location == f"/receipts/{order.token}"
    assert pending.status == 202 and "付款处理中" in pending.text and "原路退回" in pending.text


async def test_receipt_of_an_order_that_is_not_paid(shop: Shop, phone: Browser) -> None:
    page = await phone.get(f"/receipts/{(await shop.order()).token}")

    assert page.status == 202 and "还没有收到付款" in page.text and "/status?since=" in page.text


# --- links ----------------------------------------------------------------------------------------------------------


async def test_orders_are_named_by_tokens_that_nobody_guesses(shop: Shop, phone: Browser) -> None:
    """IDOR: an id, another number of the order or a token of another form opens nothing, in the same words."""
    order = await shop.order()
    await phone.sign_in(f"/cashier/{order.token}")
    assert len(order.token) == 32 and order.token.isalnum()
    names = [order.id, order.quote_id, random_text(32), order.token[:-1], order.token.swapcase(), "é" * 32, "0" * 32]

    for name in names:
        for path in (f"/cashier/{name}", f"/receipts/{name}", f"/cashier/{name}/status"):
            answer = await phone.get(path)
            assert answer.status == 404 and "25.50" not in answer.text
        assert (await phone.post(f"/cashier/{name}/charge", X_Scenepay="cashier")).status == 404


async def test_desktop_shows_a_code_that_leads_back_here(shop: Shop) -> None:
    order = await shop.order()
    desk = await shop.browser(DESKTOP)
    page, again = await desk.get(f"/cashier/{order.token}"), await desk.get(f"/cashier/{order.token}")
    source = page.text.partition('src="/q/')[2].partition('.svg"')[0]

    assert page.status == 200 and "等待付款" in page.text and page.cookie == ""
    assert source in again.text, "one code an order, however often it is shown"
    code = await desk.get(f"/q/{source}")
    assert (code.status, code.location) == (303, f"/cashier/{order.token}")


async def test_a_revoked_order_code_is_replaced(shop: Shop) -> None:
    order = await shop.order()
    desk = await shop.browser(DESKTOP)
    first = (await desk.get(f"/cashier/{order.token}")).text.partition('src="/q/')[2].partition('.svg"')[0]
    await shop.execute("UPDATE code_tokens SET state = 'revoked' WHERE token = $1", first)

    assert first not in (await desk.get(f"/cashier/{order.token}")).text


# --- one story ------------------------------------------------------------------------------------------------------


async def test_everything_about_an_order_goes_under_its_trace(shop: Shop, phone: Browser) -> None:
    order = await shop.order()
    page = await phone.sign_in(f"/cashier/{order.token}")
    opened = await phone.charge(order)
    other = await phone.get(f"/q/{shop.code}")

    assert page.headers["X-Trace-Id"] == opened.headers["X-Trace-Id"] == order.trace_id
    assert other.headers["X-Trace-Id"].startswith("trc_") and other.headers["X-Trace-Id"] != order.trace_id


async def test_the_trace_of_an_order_ends_with_its_request(shop: Shop, phone: Browser) -> None:
    """The requests of one connection share a task, so what is bound for one of them must not reach the next."""
    with bind_trace("mine"):
        await phone.get(f"/receipts/{(await shop.order()).token}")
        assert current_trace() == "mine"
    assert (await phone.get("/healthz")).headers["X-Trace-Id"] != "trc_of_the_order"


@pytest.mark.parametrize(("trusted", "seen"), [((), "127.0.0.1"), (("127.0.0.0/8",), "203.0.113.7")])
async def test_the_payers_address(sqlite_url: str, clock: ManualClock, trusted: tuple[str, ...], seen: str) -> None:
    """What a stranger writes into ``X-Forwarded-For`` is not told to a gateway's risk control."""
    async with open_shop(sqlite_url, clock, trusted_proxies=trusted) as shop:
        phone, order = await shop.browser(), await shop.order()
        await phone.sign_in(f"/cashier/{order.token}")
        await phone.post(f"/cashier/{order.token}/charge", X_Scenepay="cashier", X_Forwarded_For="203.0.113.7")

        assert shop.gateway.requests[0].payer_ip == seen
