"""A receipt on paper is checked by its number and its code; everything else is one and the same no."""

from bot.payments.values import Order
from tests.web.rig import DESKTOP, Browser, Shop

_REFUND = """
INSERT INTO refunds (id, order_id, charge_id, out_refund_no, gateway, gateway_account, out_trade_no, total, source,
  amount, currency, reason, state, requested_by, trace_id, created_at, queries, changed_at)
SELECT 'rfd_1', order_id, id, 'R1', gateway, gateway_account, out_trade_no, amount, 'order', amount, 'CNY', '',
  'succeeded', 'x', 't', 1, 0, 1 FROM charges WHERE order_id = $1
"""
NO = "没有查到这张凭证"


async def paid(shop: Shop) -> tuple[Order, str, str]:
    """A paid order with what its receipt prints: number and code."""
    order, phone = await shop.order(), await shop.browser()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    await shop.pay(order)
    receipt = await shop.house.payments.receipts.of_order(order.id)
    return order, receipt.out_trade_no, receipt.code


async def check(browser: Browser, number: str, code: str) -> str:
    answer = await browser.get(f"/receipts/verify?no={number}&code={code}")
    assert answer.status == 200
    return answer.text


async def test_a_genuine_receipt_is_told_with_masked_facts(shop: Shop) -> None:
    order, number, code = await paid(shop)
    browser = await shop.browser(DESKTOP)
    shown = await check(browser, number, code)

    assert "凭证属实" in shown and "25.50" in shown
    assert order.token not in shown and order.id not in shown
    assert "凭证属实" in await check(browser, number, f"{code[:4].lower()}-{code[4:]}")


async def test_anything_else_is_one_no(shop: Shop) -> None:
    _, number, code = await paid(shop)
    _, other, _ = await paid(shop)
    browser = await shop.browser(DESKTOP)
    wrong = ("A" if code[0] != "A" else "B") + code[1:]

    for typed in ((number, wrong), (other, code), ("unknown", code), (number, "1"), ("%3Cb%3E", code), ("é", code)):
        text = await check(browser, *typed)
        assert NO in text and "25.50" not in text and "<b>" not in text.partition("</style>")[2]


async def test_an_empty_form_asks(shop: Shop) -> None:
    browser = await shop.browser(DESKTOP)
    text = (await browser.get("/receipts/verify")).text

    assert "填写凭证上的商户单号和验证码" in text and NO not in text


async def test_a_refund_shows(shop: Shop) -> None:
    order, number, code = await paid(shop)
    await shop.execute(_REFUND, order.id)

    assert "已全部退回" in await check(await shop.browser(DESKTOP), number, code)
