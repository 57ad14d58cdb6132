"""Bills through the mini API: asked for with a proof, priced, paid, kept as a saved account; nobody else's, ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.billers.catalogue import put_item
from bot.billers.importing import BillImport
from bot.billers.items import BillItem
from bot.dialogue.lookups import LookupLimits
from bot.kernel.clock import ManualClock
from tests.dialogue.town import PROPERTY
from tests.web.mini.rig import Mini, Person, open_mini
from tests.web.rig import MERCHANT

ROOM = {"item": "itm_fee", "account": "3栋2单元501", "fields": {"owner": "陈晓明"}}
BILLS = """账单号,房号,户名,账期,费用名称,金额,截止日期
WY1,3-2-501,陈晓明,2026-10,物业服务费,236.40,2026-12-15
WY2,3-2-501,陈晓明,2026-11,物业服务费,236.40,2026-12-15
WY3,5-2-602,王建国,2026-11,物业服务费,301.20,2026-12-15
"""


@pytest.fixture
async def mini(sqlite_url: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Mini]:
    """A mini-program of a merchant with hosted property bills."""
    async with open_mini(sqlite_url, clock) as opened:
        house = opened.shop.house
        item = BillItem(
            id="itm_fee",
            merchant_id=MERCHANT.id,
            merchant_name=MERCHANT.name,
            merchant_short_name=MERCHANT.short_name,
            scene="property",
            name="物业费",
            biller="hosted",
            definition=PROPERTY,
            state="active",
        )
        await house.database.effect(lambda tx: put_item(tx, item, clock))
        house.catalogue.forget()
        path = tmp_path / "bills.csv"
        path.write_text(BILLS, encoding="utf-8")
        report = await BillImport(house.database, house.vault, clock).run(path, item, actor="li", dry_run=False)
        assert report.accepted == 3, report
        yield opened


async def asked(person: Person) -> str:
    found = await person.post("/bills/query", ROOM)
    assert found.status == 200, found
    return str(found.json["query"])


async def test_bills_are_found_priced_and_paid(mini: Mini) -> None:
    person = await mini.person()
    found = (await person.post("/bills/query", ROOM)).json
    assert [(bill["bill_no"], bill["total"]) for bill in found["bills"]] == [("WY1", 23640), ("WY2", 23640)]
    assert "501" not in found["account_mask"].replace("****", "") or "*" in found["account_mask"]
    assert "陈晓明" not in str(found)

    lines = [{"query": found["query"], "bill_no": number} for number in ("WY1", "WY2")]
    quote = (await person.post("/quotes", {"lines": lines})).json
    assert quote["amount"] == 47280
    order = (await person.post("/orders", {"quote": quote["id"]})).json
    paying = (await person.post(f"/orders/{order['id']}/pay")).json
    assert paying["result"] == "pay"
    request = next(iter(mini.gateway.charges.values())).request
    notice = mini.gateway.notice(mini.gateway.pay(request.out_trade_no))
    await mini.shop.house.payments.notices.take("scripted", notice, "trc_notice")

    receipt = (await person.get(f"/orders/{order['id']}/receipt")).json
    assert [line["amount"] for line in receipt["lines"]] == [23640, 23640]
    assert (await person.post("/bills/query", ROOM)).json["bills"] == []


async def test_the_oldest_month_comes_first_here_too(mini: Mini) -> None:
    person = await mini.person()
    query = await asked(person)
    refused = await person.post("/quotes", {"lines": [{"query": query, "bill_no": "WY2"}]})
    assert (refused.status, refused.json["code"]) == (409, "oldest_first")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"account": "9-9-999"}, 404, "account_not_found"),
        ({"fields": {"owner": "王建国"}}, 404, "account_not_found"),
        ({"account": "就是那个"}, 400, "field_form"),
        ({"fields": {}}, 400, "field_form"),
        ({"fields": {"owner": "陈晓明", "shoe": "42"}}, 400, "field_unknown"),
        ({"item": "itm_unknown"}, 404, "item_unknown"),
        ({"item": "itm_meal"}, 400, "no_bills"),
    ],
)
async def test_a_wrong_question_is_answered_with_its_fault(
    mini: Mini, change: dict[str, object], status: int, code: str
) -> None:
    person = await mini.person()
    found = await person.post("/bills/query", {**ROOM, **change})
    assert (found.status, found.json["code"]) == (status, code)


async def test_an_unknown_room_and_a_wrong_owner_are_told_alike(mini: Mini) -> None:
    person = await mini.person()
    unknown = await person.post("/bills/query", {**ROOM, "account": "9-9-999"})
    foreign = await person.post("/bills/query", {**ROOM, "fields": {"owner": "王建国"}})
    assert {key: value for key, value in unknown.json.items() if key != "trace_id"} == {
        key: value for key, value in foreign.json.items() if key != "trace_id"
    }


async def test_questions_after_accounts_are_counted(mini: Mini) -> None:
    person, limit = await mini.person(), LookupLimits().customer
    statuses = [
        (await person.post("/bills/query", {**ROOM, "account": f"{each}-1-101"})).status for each in range(1, limit + 3)
    ]
    assert statuses[:limit] == [404] * limit and statuses[-1] == 429


async def test_a_found_account_is_kept_and_asked_again_without_typing(mini: Mini) -> None:
    person, other = await mini.person(), await mini.person("two")
    await asked(person)
    [saved] = (await person.get("/accounts")).json["accounts"]
    again = await person.post("/bills/query", {"item": "itm_fee", "saved": saved["id"]})
    assert again.status == 200 and len(again.json["bills"]) == 2

    stolen = await other.post("/bills/query", {"item": "itm_fee", "saved": saved["id"]})
    assert (stolen.status, stolen.json["code"]) == (404, "account_unknown")
    assert (await other.ask("DELETE", f"/accounts/{saved['id']}")).status == 404
    assert (await person.ask("DELETE", f"/accounts/{saved['id']}")).status == 200
    assert (await person.get("/accounts")).json["accounts"] == []


async def test_nobody_prices_what_another_has_asked(mini: Mini) -> None:
    person, other = await mini.person(), await mini.person("two")
    query = await asked(person)
    stolen = await other.post("/quotes", {"lines": [{"query": query, "bill_no": "WY1"}]})
    assert stolen.status == 404


async def test_a_question_is_forgotten_when_it_is_not_to_be_kept(mini: Mini) -> None:
    person = await mini.person()
    assert (await person.post("/bills/query", {**ROOM, "save": False})).status == 200
    assert (await person.get("/accounts")).json["accounts"] == []
