"""The mini API: a purchase, sessions, keys, limits, and that nobody reaches what is another's."""

import json
from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import ManualClock
from bot.web.mini.document import document
from bot.web.mini.door import BODY_BYTES
from bot.web.mini.operations import BASE, OPERATIONS, Operation
from bot.web.mini.sessions import SESSION_SECONDS
from tests.web.mini.rig import APPID, SESSION_KEY, Mini, Person, open_mini

SIGNED_IN = [each for each in OPERATIONS if each.signed_in]
WRITES = [each for each in OPERATIONS if each.write]
OF_ORDERS = [each for each in OPERATIONS if each.path.startswith("/orders/{id}")]


@pytest.fixture
async def mini(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Mini]:
    async with open_mini(sqlite_url, clock) as opened:
        yield opened


def name_of(operation: Operation) -> str:
    return operation.name


async def test_a_purchase(mini: Mini) -> None:
    person = await mini.person()
    scenes = (await person.get("/scenes?city=杭州&q=餐")).json
    assert scenes["cities"] == ["杭州"] and [each["key"] for each in scenes["scenes"]] == ["dining"]
    assert (await person.get("/scenes?city=北京")).json["scenes"] == []
    items = (await person.get("/items?scene=dining")).json["items"]
    assert [(each["id"], each["open"]) for each in items] == [("itm_meal", True)]
    order = await mini.order(person)
    paying = (await person.post(f"/orders/{order['id']}/pay")).json
    assert paying["result"] == "pay" and set(paying["payment"]) == {
        "timeStamp",
        "nonceStr",
        "package",
        "signType",
        "paySign",
    }
    request = mini.gateway.charges[next(iter(mini.gateway.charges))].request
    assert (request.way, request.payer_id, request.payer_app, request.amount) == ("mini", "oone", APPID, 2550)
    assert (await person.get(f"/orders/{order['id']}/receipt")).json["code"] == "order_unpaid"
    notice = mini.gateway.notice(mini.gateway.pay(request.out_trade_no))
    await mini.shop.house.payments.notices.take("scripted", notice, "trc_notice")

    assert (await person.get(f"/orders/{order['id']}?since=created&wait=1")).json["state"] in ("paid", "settled")
    receipt = (await person.get(f"/orders/{order['id']}/receipt")).json
    assert (receipt["order"], receipt["amount"]) == (order["id"], 2550)
    history = (await person.get("/orders?limit=1")).json
    assert [each["id"] for each in history["orders"]] == [order["id"]] and history["more"] is False
    assert (await person.post(f"/orders/{order['id']}/pay")).json["result"] == "paid"
    assert (await person.post(f"/orders/{order['id']}/cancel")).status == 409


async def test_history_in_pages(mini: Mini) -> None:
    person = await mini.person()
    made = [(await mini.order(person, amount))["id"] for amount in (100, 200, 300)]
    first = (await person.get("/orders?limit=2")).json
    rest = (await person.get(f"/orders?limit=2&before={first['orders'][-1]['id']}")).json

    assert first["more"] and not rest["more"]
    assert [each["id"] for each in (*first["orders"], *rest["orders"])] == made[::-1]


async def test_an_order_is_given_up(mini: Mini) -> None:
    person = await mini.person()
    order = await mini.order(person)

    assert (await person.post(f"/orders/{order['id']}/cancel")).json == {"done": True}
    assert (await person.get(f"/orders/{order['id']}")).json["state"] == "closed"
    assert (await person.post(f"/orders/{order['id']}/pay")).json["code"] == "order_closed"


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_the_session_key_stays_on_the_server(mini: Mini) -> None:
    found = await Person(mini.client).post("/login", {"appid": APPID, "code": mini.wechat.code("one")})

    assert set(found.json) == {"token", "expires_in"} and SESSION_KEY not in found.text
    kept = str(mini.shop.house.ephemeral.__dict__)
    assert SESSION_KEY not in kept and found.json["token"] not in kept


@pytest.mark.parametrize(
    ("appid", "code", "status", "name"),
    [
        (APPID, "unknown", 400, "login_code"),
        (APPID, "risky", 403, "login_refused"),
        ("wxother", "any", 404, "app_unknown"),
    ],
)
async def test_a_login_that_is_refused(mini: Mini, appid: str, code: str, status: int, name: str) -> None:
    found = await Person(mini.client).post("/login", {"appid": appid, "code": code})
    assert (found.status, found.json["code"]) == (status, name)


async def test_a_replayed_code(mini: Mini) -> None:
    code = mini.wechat.code("one")
    answers = [await Person(mini.client).post("/login", {"appid": APPID, "code": code}, "same-key-1") for _ in "12"]
    assert [each.status for each in answers] == [200, 400]


@pytest.mark.parametrize("operation", SIGNED_IN, ids=name_of)
@pytest.mark.parametrize("token", ["", "x", "0" * 43, "é" * 43])
async def test_nobody_without_a_session(mini: Mini, operation: Operation, token: str) -> None:
    path = operation.path.replace("{id}", "ord_1")
    person = Person(mini.client, token.encode("utf-8", "surrogateescape").decode("latin-1"))
    found = await person.ask(operation.method, path)
    assert (found.status, found.json["code"]) == (401, "signed_out")


@pytest.mark.parametrize("operation", SIGNED_IN, ids=name_of)
async def test_a_session_ends_by_logout_and_by_time(mini: Mini, clock: ManualClock, operation: Operation) -> None:
    left, old = await mini.person(), await mini.person()
    assert (await left.post("/logout")).json == {"done": True}
    clock.advance(SESSION_SECONDS + 1)
    for person in (left, old):
        assert (await person.ask(operation.method, operation.path.replace("{id}", "ord_1"))).status == 401


async def test_a_customer_ends_all_sessions(mini: Mini) -> None:
    one, two, other = await mini.person(), await mini.person(), await mini.person("other")
    await one.post("/logout", {"everywhere": True})

    assert [(await each.get("/accounts")).status for each in (one, two, other)] == [401, 401, 200]
    assert (await (await mini.person()).get("/accounts")).status == 200


# --- what is another's ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OF_ORDERS, ids=name_of)
async def test_anothers_order_is_as_one_that_is_not_there(mini: Mini, operation: Operation) -> None:
    owner, thief = await mini.person(), await mini.person("thief")
    order = await mini.order(owner)
    before = await mini.shop.audit()
    answers = []
    for order_id in (order["id"], "ord_unknown"):
        found = await thief.ask(operation.method, operation.path.replace("{id}", order_id))
        answers.append((found.status, {**found.json, "trace_id": ""}))

    assert answers[0] == answers[1] and answers[0][0] == 404
    assert await mini.shop.audit() == before
    assert (await owner.get(f"/orders/{order['id']}")).json["state"] == "created"


async def test_anothers_quote_query_and_account(mini: Mini) -> None:
    owner, thief = await mini.person(), await mini.person("thief")
    quote = (await owner.post("/quotes", {"lines": [{"item": "itm_meal", "amount": 500}]})).json["id"]

    assert (await thief.post("/orders", {"quote": quote})).json["code"] == "quote_unknown"
    line = {"query": "qry_unknown", "bill_no": "1"}
    assert (await thief.post("/quotes", {"lines": [line]})).json["code"] == "query_unknown"
    assert (await thief.ask("DELETE", "/accounts/acc_1")).json["code"] == "account_unknown"
    assert (await thief.get("/orders")).json["orders"] == []


# --- keys, forms, limits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", WRITES, ids=name_of)
@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space"])
async def test_every_write_wants_a_key(mini: Mini, operation: Operation, key: str) -> None:
    """The body is looked at first, so it is a good one."""
    bodies = {"phone": {"code": "c"}, "quote": {"lines": [{"item": "itm_meal", "amount": 1}]}, "order": {"quote": "q"}}
    person = await mini.person()
    path = operation.path.replace("{id}", "ord_1")
    found = await person.ask(operation.method, path, bodies.get(operation.name), key)
    assert (found.status, found.json["code"]) == (400, "idempotency_key")


async def test_one_key_one_answer(mini: Mini) -> None:
    person, body = await mini.person(), {"lines": [{"item": "itm_meal", "amount": 700}]}
    first, again = [await person.post("/quotes", body, "the-same-key") for _ in "12"]
    other = await person.post("/quotes", {"lines": [{"item": "itm_meal", "amount": 701}]}, "the-same-key")

    assert first.text == again.text and first.status == 200
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    stranger = await (await mini.person("other")).post("/quotes", body, "the-same-key")
    assert stranger.status == 200 and stranger.json["id"] != first.json["id"]


async def test_a_quote_becomes_one_order(mini: Mini) -> None:
    person = await mini.person()
    quote = (await person.post("/quotes", {"lines": [{"item": "itm_meal", "amount": 700}]})).json["id"]
    orders = {(await person.post("/orders", {"quote": quote})).json["id"] for _ in range(3)}
    assert len(orders) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"lines": []}', b'{"lines": [{"item": "itm_meal", "amount": 0}]}', b'{"a": 1}', b"\xff"],
)
async def test_a_body_that_is_none(mini: Mini, body: bytes) -> None:
    found = await (await mini.person()).ask("POST", "/quotes", body, "some-key-1")
    assert (found.status, found.json["code"]) == (400, "request")
    assert set(found.json) == {"code", "message", "remedy", "trace_id"}


async def test_a_refusal_is_told_in_the_customers_words(mini: Mini) -> None:
    found = await (await mini.person()).post("/quotes", {"lines": [{"item": "itm_meal", "amount": 1}]})
    assert (found.status, found.json["code"]) == (409, "amount_range") and "元" in found.json["message"]


async def test_an_oversized_body(mini: Mini) -> None:
    found = await (await mini.person()).ask("POST", "/quotes", b"x" * (BODY_BYTES + 1))
    assert (found.status, found.json["code"]) == (413, "body_too_large")


async def test_too_many_logins_of_one_address(mini: Mini) -> None:
    answers = [await Person(mini.client).post("/login", {"appid": APPID, "code": "x"}) for _ in range(61)]
    assert [each.status for each in answers[-2:]] == [400, 429]


async def test_a_phone_number(mini: Mini) -> None:
    person = await mini.person()
    found = await person.post("/phone", {"code": mini.wechat.code("one")})
    assert found.json == {"phone": "13800138000", "phone_mask": "138****8000", "country_code": "86"}
    assert (await person.post("/phone", {"code": "used"})).json["code"] == "phone_code"


# --- the document ---------------------------------------------------------------------------------------------------


async def test_no_route_is_undocumented(mini: Mini) -> None:
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in mini.client.server.app.router.routes()  # type: ignore[attr-defined]
        if route.resource and route.resource.canonical.startswith(BASE) and route.method != "HEAD"
    }
    told = (await Person(mini.client).get("/openapi.json")).json
    assert served == {(method, path) for path, methods in told["paths"].items() for method in methods}
    assert told == json.loads(json.dumps(document()))


async def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = json.dumps(document())
    names = set(document()["components"]["schemas"])
    assert {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]} <= names


async def test_the_page_needs_no_network(mini: Mini) -> None:
    text = (await Person(mini.client).get("/docs")).text
    assert "/api/mini/v1/orders/{id}/pay" in text and "src=" not in text and "href=" not in text
