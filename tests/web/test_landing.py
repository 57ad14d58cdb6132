"""A store's code: who may type an amount, which amounts are taken, and that one form is one order."""

from datetime import time, timedelta

import pytest

from bot.billers.items import AmountKind, AmountRule, Flow, Hours, InputField, ItemDefinition, Outage
from bot.kernel.clock import ManualClock
from bot.payments.facts import Way
from bot.web.landing import ORDERS_MAX, ORDERS_SECONDS
from qrcodes.tokens import new_token
from tests.payments.world import START
from tests.qrcodes.reading import decode, open_png, rasterise, svg_root
from tests.web.rig import MEAL, URL, Browser, Shop


async def test_amount_page_of_a_payer_who_is_known(shop: Shop, phone: Browser) -> None:
    page = await phone.sign_in(f"/q/{shop.code}")

    assert page.status == 200
    assert "老街面馆有限公司 · 中山路店" in page.text and "中山路 18 号" in page.text
    assert "1.00 元起，单笔最高 5000.00 元" in page.text
    assert "WeixinJSBridge" in page.text, "one tap pays: the page holds all that it needs"


async def test_from_the_amount_to_the_bridge(shop: Shop, phone: Browser) -> None:
    page = await phone.sign_in(f"/q/{shop.code}")
    placed = await phone.type_amount("25.50", page.nonce)

    assert placed.status == 200 and placed.json["result"] == "order"
    opened = await phone.post(
        f"/cashier/{placed.json['order']}/charge", X_Scenepay="cashier", Accept="application/json"
    )
    assert opened.json["result"] == "pay" and opened.json["bridge"]["prepay_id"]
    request = shop.gateway.requests[0]
    assert (request.amount, request.way, request.payer_id) == (2550, Way.JSAPI, "openid-1")
    assert request.notify_url == f"{URL}/notify/scripted/main"


async def test_without_a_script_the_form_leads_to_the_cashier(shop: Shop, phone: Browser) -> None:
    page = await phone.sign_in(f"/q/{shop.code}")
    placed = await phone.type_amount("8", page.nonce, accept="text/html")

    assert placed.status == 303 and placed.location.startswith("/cashier/")
    assert "8.00" in (await phone.get(placed.location)).text


async def test_the_same_form_twice_is_one_order(shop: Shop, phone: Browser) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    first, second = await phone.type_amount("12", nonce), await phone.type_amount("12.00", nonce)

    assert first.json == second.json
    assert (await shop.audit())["orders"] == 1


async def test_the_same_form_with_another_amount_is_a_conflict(shop: Shop, phone: Browser) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    await phone.type_amount("12", nonce)

    program = await phone.type_amount("13", nonce)
    person = await phone.type_amount("13", nonce, accept="text/html")
    assert (program.status, program.json["code"]) == (409, "quote_conflict")
    assert person.status == 409 and "状态已变化" in person.text
    assert (await shop.audit())["orders"] == 1


async def test_a_form_number_is_of_one_browser(shop: Shop, phone: Browser) -> None:
    """Whoever copies the number of another's form gets an order of their own."""
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    other = await shop.browser()
    await other.sign_in(f"/q/{shop.code}", "openid-2")

    assert (await phone.type_amount("12", nonce)).json["order"] != (await other.type_amount("12", nonce)).json["order"]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "amount_form"),
        ("0", "amount_form"),
        ("0.00", "amount_form"),
        ("-5", "amount_form"),
        ("1e3", "amount_form"),
        ("12,50", "amount_form"),
        ("12.505", "amount_form"),
        ("１２．５x", "amount_form"),
        ("NaN", "amount_form"),
        ("9" * 16, "amount_form"),
        ("0.99", "amount_range"),
        ("5000.01", "amount_range"),
        ("99999999", "amount_range"),
    ],
)
async def test_amounts_that_are_not_taken(shop: Shop, phone: Browser, typed: str, code: str) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    program = await phone.type_amount(typed, nonce)
    person = await phone.type_amount(typed, nonce, accept="text/html")

    assert (program.status, program.json) == (409, {"result": "refused", "code": code})
    assert person.status == 409 and 'aria-invalid="true"' in person.text
    assert (await shop.audit())["orders"] == 0


@pytest.mark.parametrize(
    ("typed", "fen"), [("1", 100), ("1.5", 150), (" 25.50 ", 2550), ("１２．５", 1250), ("5000", 500_000)]
)
async def test_amounts_that_are_taken(shop: Shop, phone: Browser, typed: str, fen: int) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce

    assert (await phone.type_amount(typed, nonce)).status == 200
    assert [row["amount"] for row in await shop.rows("SELECT amount FROM orders")] == [fen]


async def test_nothing_that_the_page_says_but_the_amount_is_used(shop: Shop, phone: Browser) -> None:
    """Tampering: prices, payees, items and order numbers of a forged form are not even read."""
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    form = {
        "amount": "25.50",
        "nonce": nonce,
        "total": "1",
        "amount_fen": "1",
        "price": "0.01",
        "merchant_id": "mer_2",
        "item": "itm_other",
        "order_id": "ord_x",
        "state": "paid",
    }
    placed = await phone.post(f"/q/{shop.code}/order?amount=0.01&nonce={'x' * 24}", form, Accept="application/json")

    assert placed.status == 200
    rows = await shop.rows("SELECT amount, merchant_id, state FROM orders")
    assert [tuple(row) for row in rows] == [(2550, "mer_1", "created")]


async def test_two_amounts_in_one_form(shop: Shop, phone: Browser) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    twice = f"amount=1&amount=2&nonce={nonce}"
    refused = await phone.post(f"/q/{shop.code}/order", twice, Content_Type="application/x-www-form-urlencoded")

    assert refused.status == 400 and (await shop.audit())["orders"] == 0


@pytest.mark.parametrize("nonce", ["", "short", "x" * 25, "é" * 24, "'; DROP TABLE orders"])
async def test_form_numbers_of_another_form(shop: Shop, phone: Browser, nonce: str) -> None:
    await phone.sign_in(f"/q/{shop.code}")

    assert (await phone.type_amount("5", nonce)).status == 400


async def test_only_a_signed_in_payer_makes_orders(shop: Shop, phone: Browser) -> None:
    await phone.get(f"/q/{shop.code}")
    answer = await phone.type_amount("5", "x" * 24)

    assert answer.json == {"result": "sign_in", "url": f"/q/{shop.code}"}
    assert (await phone.type_amount("5", "x" * 24, accept="text/html")).location == f"/q/{shop.code}"
    assert (await shop.audit())["orders"] == 0


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://", f"{URL}.evil.example"]
)
async def test_a_form_on_another_site_is_refused(shop: Shop, phone: Browser, origin: str) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    refused = await phone.post(f"/q/{shop.code}/order", {"amount": "5", "nonce": nonce}, Origin=origin)

    assert refused.status == 403 and (await shop.audit())["orders"] == 0


async def test_a_form_on_our_own_site_is_not(shop: Shop, phone: Browser) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce

    assert (await phone.post(f"/q/{shop.code}/order", {"amount": "5", "nonce": nonce}, Origin=URL)).status == 303


async def test_too_many_orders_of_one_payer(shop: Shop, phone: Browser, clock: ManualClock) -> None:
    """The limit follows the payer, not the browser, and ends."""
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    for number in range(ORDERS_MAX):
        assert (await phone.type_amount("5", f"{number:024d}")).status == 200
    assert (await phone.type_amount("5", nonce)).status == 429
    again = await shop.browser()
    await again.sign_in(f"/q/{shop.code}")
    assert (await again.type_amount("5", nonce)).status == 429
    other = await shop.browser()
    await other.sign_in(f"/q/{shop.code}", "openid-2")
    assert (await other.type_amount("5", nonce)).status == 200
    clock.advance(ORDERS_SECONDS + 1)
    assert (await again.type_amount("5", nonce)).status == 200


# --- codes ----------------------------------------------------------------------------------------------------------


def _damaged(token: str) -> str:
    return token[:5] + ("A" if token[5] != "A" else "B") + token[6:]


async def test_codes_that_are_not_ours(shop: Shop, phone: Browser) -> None:
    """A forged, a damaged and an unknown one are told apart by nobody."""
    tokens = [new_token(), _damaged(shop.code), shop.code.swapcase(), shop.code[:-1], "a" * 500, "..%2f..%2fetc"]
    pages = [await phone.get(f"/q/{token}") for token in tokens]

    assert [page.status for page in pages] == [404] * len(tokens)
    assert all("没有找到" in page.text and "老街面馆" not in page.text for page in pages)
    assert [(await phone.get(f"/q/{token}.svg")).status for token in tokens[:4]] == [404] * 4


@pytest.mark.parametrize(("state", "words"), [("paused", "收款码暂停使用"), ("revoked", "收款码已停用")])
async def test_codes_that_are_stopped(shop: Shop, phone: Browser, state: str, words: str) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    await shop.execute("UPDATE code_tokens SET state = $2 WHERE token = $1", shop.code, state)
    page = await phone.get(f"/q/{shop.code}")

    assert page.status == 410 and words in page.text and "没有扣款" in page.text
    assert (await phone.type_amount("5", nonce)).status == 404, "a page that is still open takes nothing either"


async def test_a_code_that_is_bound_to_nothing(shop: Shop, phone: Browser) -> None:
    page = await phone.get(f"/q/{await shop.new_code(None)}")

    assert page.status == 404 and "收款码还没有启用" in page.text


async def test_an_item_that_is_paused(shop: Shop, phone: Browser) -> None:
    await phone.sign_in(f"/q/{shop.code}")
    await shop.put_item("itm_meal", MEAL, "paused")
    page = await phone.get(f"/q/{shop.code}")

    assert page.status == 503 and "暂停收款" in page.text


async def test_an_item_whose_bills_have_to_be_found_first(shop: Shop, phone: Browser) -> None:
    account = InputField(key="account", label="户号")
    rule = AmountRule(kind=AmountKind.EXACT)
    await shop.put_item("itm_power", ItemDefinition(flow=Flow.FETCH, amount=rule, account=account))
    page = await phone.get(f"/q/{await shop.new_code('itm_power')}")

    assert page.status == 503 and "请在公众号里办理" in page.text


async def test_a_merchant_whom_nobody_can_pay(shop: Shop, phone: Browser) -> None:
    await shop.execute("UPDATE merchants SET gateways = '{}'")
    page = await phone.get(f"/q/{shop.code}")

    assert page.status == 503 and "暂时不能付款" in page.text


async def test_presets(shop: Shop, phone: Browser) -> None:
    """A rule of fixed amounts offers those and nothing else, without a script too."""
    rule = AmountRule(kind=AmountKind.PRESETS, presets=(1000, 2000))
    await shop.put_item("itm_meal", ItemDefinition(flow=Flow.DIRECT, amount=rule))
    page = await phone.sign_in(f"/q/{shop.code}")

    assert 'type="radio" name="amount" value="10.00" checked' in page.text and 'id="amount"' not in page.text
    assert (await phone.type_amount("20.00", page.nonce)).status == 200
    assert (await phone.type_amount("15.00", "x" * 24)).json["code"] == "amount_range"


async def test_outside_opening_hours(shop: Shop, phone: Browser) -> None:
    definition = MEAL.model_copy(update={"hours": Hours(opens=time(22), closes=time(23))})
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    await shop.put_item("itm_meal", definition)
    refused = await phone.type_amount("5", nonce, accept="text/html")

    assert refused.status == 409 and "现在不在收款时间内" in refused.text


async def test_during_an_outage(shop: Shop, phone: Browser) -> None:
    outage = Outage(starts=START - timedelta(hours=1), ends=START + timedelta(hours=1))
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    await shop.put_item("itm_meal", MEAL.model_copy(update={"outages": (outage,)}))

    assert (await phone.type_amount("5", nonce)).json["code"] == "outage"


# --- drawings -------------------------------------------------------------------------------------------------------


async def test_the_drawings_carry_the_address_and_nothing_else(shop: Shop, phone: Browser) -> None:
    for form, kind in (("svg", "image/svg+xml"), ("png", "image/png")):
        async with phone.client.get(f"/q/{shop.code}.{form}") as answer:
            body = await answer.read()
            assert answer.content_type == kind and "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        picture = open_png(body) if form == "png" else rasterise(svg_root(body))
        assert decode(picture) == [f"{URL}/q/{shop.code}"]


async def test_a_stopped_code_is_still_drawn(shop: Shop, phone: Browser) -> None:
    """Whoever manages codes must see what hangs on the wall; scanning it says that it is stopped."""
    await shop.execute("UPDATE code_tokens SET state = 'revoked'")

    assert (await phone.get(f"/q/{shop.code}.svg")).status == 200


async def test_what_was_typed_comes_back_as_text(shop: Shop, phone: Browser) -> None:
    nonce = (await phone.sign_in(f"/q/{shop.code}")).nonce
    page = await phone.type_amount('"><b>1</b>', nonce, accept="text/html")

    assert page.status == 409 and 'value="&#34;&gt;&lt;b&gt;1&lt;/b&gt;"' in page.text
