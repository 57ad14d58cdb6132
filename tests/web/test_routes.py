"""Every route of the one table is asked here, and a new one fails until it is."""

import asyncio

import pytest

from bot.web import health
from bot.web.routes import table
from bot.wiring import doors
from tests.web.rig import DESKTOP, Shop

# (method, path) → an address that matches it, and the status of a stranger who asks for it.
STRANGERS = {
    ("GET", "/wechat/official/{account}"): ("/wechat/official/nobody", 404),
    ("POST", "/wechat/official/{account}"): ("/wechat/official/nobody", 404),
    ("GET", "/wechat/mini/{account}"): ("/wechat/mini/nobody", 404),
    ("POST", "/wechat/mini/{account}"): ("/wechat/mini/nobody", 404),
    ("POST", "/notify/{gateway}/{account}"): ("/notify/scripted/main", 401),
    ("GET", "/q/{token}.svg"): ("/q/unknown.svg", 404),
    ("GET", "/q/{token}.png"): ("/q/unknown.png", 404),
    ("GET", "/q/{token}"): ("/q/unknown", 404),
    ("POST", "/q/{token}/order"): ("/q/unknown/order", 404),
    ("GET", "/oauth/{gateway}/{account}"): ("/oauth/scripted/main", 403),
    ("GET", "/cashier/{token}"): ("/cashier/unknown", 404),
    ("POST", "/cashier/{token}/charge"): ("/cashier/unknown/charge", 403),
    ("GET", "/cashier/{token}/status"): ("/cashier/unknown/status", 404),
    ("GET", "/receipts/verify"): ("/receipts/verify?no=1&code=2", 200),
    ("GET", "/receipts/{token}.pdf"): ("/receipts/unknown.pdf", 404),
    ("GET", "/receipts/{token}.png"): ("/receipts/unknown.png", 404),
    ("GET", "/receipts/{token}"): ("/receipts/unknown", 404),
    ("POST", "/api/device/v1/charges"): ("/api/device/v1/charges", 401),
    ("GET", "/api/device/v1/charges/{id}"): ("/api/device/v1/charges/chg_1", 401),
    ("POST", "/api/device/v1/charges/{id}/cancel"): ("/api/device/v1/charges/chg_1/cancel", 401),
    ("GET", "/till/{device}"): ("/till/unknown", 200),
    ("POST", "/till/{device}/sign-in"): ("/till/unknown/sign-in", 400),
    ("POST", "/till/{device}/sign-out"): ("/till/unknown/sign-out", 303),
    ("POST", "/till/{device}/charges"): ("/till/unknown/charges", 401),
    ("GET", "/till/{device}/charges/{id}"): ("/till/unknown/charges/chg_1", 401),
    ("POST", "/till/{device}/charges/{id}/cancel"): ("/till/unknown/charges/chg_1/cancel", 401),
    ("POST", "/api/mini/v1/login"): ("/api/mini/v1/login", 400),
    ("POST", "/api/mini/v1/logout"): ("/api/mini/v1/logout", 401),
    ("POST", "/api/mini/v1/phone"): ("/api/mini/v1/phone", 401),
    ("GET", "/api/mini/v1/scenes"): ("/api/mini/v1/scenes", 401),
    ("GET", "/api/mini/v1/items"): ("/api/mini/v1/items", 401),
    ("POST", "/api/mini/v1/bills/query"): ("/api/mini/v1/bills/query", 401),
    ("POST", "/api/mini/v1/quotes"): ("/api/mini/v1/quotes", 401),
    ("POST", "/api/mini/v1/orders"): ("/api/mini/v1/orders", 401),
    ("GET", "/api/mini/v1/orders"): ("/api/mini/v1/orders", 401),
    ("GET", "/api/mini/v1/orders/{id}"): ("/api/mini/v1/orders/ord_1", 401),
    ("POST", "/api/mini/v1/orders/{id}/pay"): ("/api/mini/v1/orders/ord_1/pay", 401),
    ("POST", "/api/mini/v1/orders/{id}/cancel"): ("/api/mini/v1/orders/ord_1/cancel", 401),
    ("GET", "/api/mini/v1/orders/{id}/receipt"): ("/api/mini/v1/orders/ord_1/receipt", 401),
    ("GET", "/api/mini/v1/accounts"): ("/api/mini/v1/accounts", 401),
    ("GET", "/api/mini/v1/openapi.json"): ("/api/mini/v1/openapi.json", 200),
    ("GET", "/api/mini/v1/docs"): ("/api/mini/v1/docs", 200),
    ("DELETE", "/api/mini/v1/accounts/{id}"): ("/api/mini/v1/accounts/acc_1", 401),
    ("GET", "/healthz"): ("/healthz", 200),
    ("GET", "/readyz"): ("/readyz", 200),
    ("GET", "/metrics"): ("/metrics", 200),
    ("GET", "/favicon.ico"): ("/favicon.ico", 200),
}


async def test_every_route_of_the_table_is_listed_here(shop: Shop) -> None:
    assert {(method, path) for method, path, _ in table(doors(shop.house))} == set(STRANGERS)


@pytest.mark.parametrize(("route", "asked"), STRANGERS.items(), ids=lambda value: " ".join(map(str, value)))
async def test_a_stranger(shop: Shop, route: tuple[str, str], asked: tuple[str, int]) -> None:
    """Nothing is done for a stranger, and each refusal is a clean one."""
    browser = await shop.browser(DESKTOP)
    path, status = asked
    answer = await (browser.get(path) if route[0] == "GET" else browser.send(route[0], path, b"x"))

    assert answer.status == status
    assert answer.headers["Server"] == "scenepay" and "Traceback" not in answer.text
    resources = [resource.canonical for resource in shop.server.app.router.resources()]
    assert route[1] in resources
    assert (await shop.audit())["orders"] == 0


async def test_other_methods_are_refused(shop: Shop) -> None:
    browser = await shop.browser()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        deleted = {place for (known, _), (place, _) in STRANGERS.items() if known == method}
        for path in {place for place, _ in STRANGERS.values()} - deleted:
            async with browser.client.request(method, path) as answer:
                assert answer.status == 405, (method, path)


async def test_health(shop: Shop) -> None:
    browser = await shop.browser()

    assert (await browser.get("/healthz")).json == {"alive": True}
    assert (await browser.get("/readyz")).json == {"ready": True, "parts": {"database": True, "ephemeral": True}}


async def test_not_ready_names_the_part(shop: Shop) -> None:
    """Alive all the same: a process must not be killed because its store is away."""
    browser = await shop.browser()
    await shop.house.ephemeral.close()
    answer = await browser.get("/readyz")

    assert (answer.status, answer.json) == (503, {"ready": False, "parts": {"database": True, "ephemeral": False}})
    assert (await browser.get("/healthz")).status == 200


async def test_a_part_that_hangs_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE", 0.01)

    async def hangs() -> None:
        await asyncio.sleep(5)

    door = health.HealthDoor({"database": hangs}, None)  # type: ignore[arg-type]  # Not asked for numbers here.
    answer = await door.ready(None)  # type: ignore[arg-type]  # It looks at no request.
    assert answer.status == 503


async def test_metrics_hold_numbers_and_no_names(shop: Shop) -> None:
    phone = await shop.browser()
    page = await phone.sign_in(f"/q/{shop.code}", "openid-of-a-person")
    placed = await phone.type_amount("25.50", page.nonce)
    answer = await phone.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'route="/q/{token}"' in answer.text and 'route="/q/{token}/order"' in answer.text
    for private in (shop.code, placed.json["order"], "openid-of-a-person", "127.0.0.1", "25.50"):
        assert private not in answer.text
