"""After-sales against the real engine and the real payment rooms: each wish in each situation, on each engine."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime

import pytest

from bot.dialogue.aftersales import cues
from bot.dialogue.event import Pressed
from bot.payments.facts import RefundState
from tests.dialogue.counter import Counter
from tests.dialogue.town import Town, open_town, words

Situation = Callable[[Counter], Awaitable[None]]


async def unpaid(counter: Counter) -> None:
    await counter.begin()


async def unanswered(counter: Counter) -> None:
    counter.lose_queries(3)
    await counter.begin()
    await counter.town.execute("UPDATE charges SET state = 'unknown'")


async def unnoticed(counter: Counter) -> None:
    await counter.pay(tell=False)


async def settled(counter: Counter) -> None:
    await counter.pay()
    await counter.fulfil()


async def pending(counter: Counter) -> None:
    await counter.pay()
    counter.biller("is slow", 3)
    await counter.fulfil()


async def silent(counter: Counter) -> None:
    await counter.pay()
    counter.biller("says nothing", 3)
    await counter.fulfil()


async def late(counter: Counter) -> None:
    await pending(counter)
    counter.town.clock.advance(3 * 3600)  # type: ignore[attr-defined]
    counter.biller("is slow", 3)


async def refused(counter: Counter) -> None:
    await counter.pay()
    counter.biller("refuses the payment")
    await counter.fulfil()


async def refused_and_met(counter: Counter) -> None:
    """The biller refused it, and somebody at the desk has proposed already what to do."""
    await refused(counter)
    await counter.file()
    (row,) = await counter.town.database.rows("SELECT id FROM cases WHERE kind = 'settle_refused'")
    await counter.desk.propose(row["id"], "close", actor="Ann", note="booked by hand")


async def refunding(counter: Counter) -> None:
    await counter.pay()
    counter.biller("has it from elsewhere")
    await counter.fulfil()


async def refunded(counter: Counter) -> None:
    await refunding(counter)
    await counter.work_refunds()


async def refund_stuck(counter: Counter) -> None:
    counter.town.gateway.refund_outcome = RefundState.ABNORMAL
    await refunded(counter)


async def surplus(counter: Counter) -> None:
    await counter.pay_twice()
    await counter.fulfil()


NOT_CREDITED, DUPLICATE, WRONG, REFUND, WHERE, AMOUNT = (
    "电费扣了钱没到账",
    "电费重复付款了",
    "电费户号填错了",
    "我要退电费的款",
    "电费的退款到哪了",
    "电费付多了",
)
# What is said, in which situation; what the answer holds; the dispute of the ticket, or none; refunds made of it.
TABLE: Sequence[tuple[str, Situation, Sequence[str], str | None]] = (
    (NOT_CREDITED, unpaid, ("没有收到这笔付款", "继续付款", "取消这笔订单"), None),
    (NOT_CREDITED, unanswered, ("还没有确认这笔付款", "不要重复付款"), None),
    (NOT_CREDITED, unnoticed, ("入账，流水号 GD20261123001",), None),
    (NOT_CREDITED, settled, ("收费单位已于 2026-11-23 10:00 入账", "GD20261123001", "仍然没有到账"), None),
    (NOT_CREDITED, pending, ("已于 10:00 通知收费单位", "几分钟内到账", "跟进"), None),
    (NOT_CREDITED, silent, ("刚又核实了一次",), None),
    (NOT_CREDITED, late, ("已于 10:00 通知收费单位",), "D31"),
    (NOT_CREDITED, refused, ("没有用出去", "申请退回 128.50 元"), None),
    (NOT_CREDITED, refused_and_met, ("工作人员正在处理",), None),
    (NOT_CREDITED, refunding, ("128.50 元正在办理",), None),
    (NOT_CREDITED, refunded, ("已退款 128.50 元",), None),
    (NOT_CREDITED, surplus, ("入账", "多收的 128.50 元", "申请退回多付的 128.50 元"), None),
    (DUPLICATE, settled, ("只有这一笔付款",), None),
    (DUPLICATE, surplus, ("多收的 128.50 元", "申请退回多付的 128.50 元"), None),
    (DUPLICATE, unpaid, ("没有收到这笔付款",), None),
    (WRONG, settled, ("****1111", "由收费单位核实决定"), "D21"),
    (WRONG, pending, ("由收费单位核实决定",), "D21"),
    (WRONG, refused, ("申请退回 128.50 元",), None),
    (WRONG, refunded, ("已退款 128.50 元",), None),
    (WRONG, unpaid, ("没有收到这笔付款", "取消这笔订单"), None),
    (AMOUNT, settled, ("128.50 元",), "D23"),
    (AMOUNT, surplus, ("多收的 128.50 元", "申请退回多付的"), None),
    (REFUND, unpaid, ("没有收到这笔付款", "取消这笔订单"), None),
    (REFUND, settled, ("请告诉我原因", "1. 交错了户号", "5. 其他原因"), None),
    (REFUND, pending, ("请告诉我原因",), None),
    (REFUND, refused, ("申请退回 128.50 元",), None),
    (REFUND, refused_and_met, ("工作人员正在处理", "请告诉我原因"), None),
    (REFUND, refunding, ("正在办理",), None),
    (REFUND, surplus, ("申请退回多付的 128.50 元",), None),
    (WHERE, settled, ("还没有退款", "我要申请退款"), None),
    (WHERE, refunding, ("正在办理",), None),
    (WHERE, refunded, ("已退款 128.50 元",), None),
    (WHERE, refund_stuck, ("没能退回原卡", "钱不会丢"), None),
)


def named(row: object) -> str:
    return row.__name__ if callable(row) else str(row) if isinstance(row, str) else ""


@pytest.fixture
async def counter(quick: Town) -> Counter:
    await quick.chat("交电费 0511111111", "1")
    return Counter(quick)


async def check(counter: Counter, said: str, situation: Situation, told: Sequence[str], dispute: str | None) -> None:
    await situation(counter)
    before = await counter.town.count("SELECT count(*) AS n FROM refunds")

    answer = await counter.town.say(said)

    for each in told:
        assert each in answer, answer
    rows = await counter.town.database.rows("SELECT disposition, wish FROM tickets")
    assert [row["disposition"] for row in rows] == ([dispute] if dispute else []), answer
    assert ("工单号 T" in answer) is (dispute is not None)
    # Nothing said once starts a refund, whatever the situation.
    assert await counter.town.count("SELECT count(*) AS n FROM refunds") == before


@pytest.mark.parametrize(("said", "situation", "told", "dispute"), TABLE, ids=named)
async def test_a_wish_in_a_situation(
    counter: Counter, said: str, situation: Situation, told: Sequence[str], dispute: str | None
) -> None:
    await check(counter, said, situation, told, dispute)


@pytest.fixture
async def on_postgresql(pg_url: str) -> AsyncIterator[Counter]:
    async with open_town(pg_url, "memory://") as town:
        await town.chat("交电费 0511111111", "1")
        yield Counter(town)


IMPORTANT = [row for row in TABLE if row[1] in (settled, late, refused, surplus, refund_stuck)]


@pytest.mark.parametrize(("said", "situation", "told", "dispute"), IMPORTANT, ids=named)
async def test_the_important_ones_on_postgresql(
    on_postgresql: Counter, said: str, situation: Situation, told: Sequence[str], dispute: str | None
) -> None:
    await check(on_postgresql, said, situation, told, dispute)


async def test_a_top_up_made_twice_is_shown_as_two_and_goes_to_the_desk(quick: Town) -> None:
    counter = Counter(quick)
    for _ in range(2):
        await quick.chat("买单", "1", "36", "1")
        await settled(counter)
        quick.clock.advance(60)  # type: ignore[attr-defined]

    answer = await quick.say("买单付了两次")

    assert "同样的缴费有 2 笔" in answer
    assert answer.count("36.00 元") >= 3
    assert "工单号 T" in answer
    case = await counter.ticket_case()
    assert case.facts["disposition"] == "D22"
    assert len(case.facts["orders"]) == 2


async def test_the_clock_of_the_ticket_is_that_of_its_case(counter: Counter) -> None:
    await settled(counter)
    await counter.town.say(WRONG)

    ticket = await counter.town.database.row("SELECT due_at, number FROM tickets")
    case = await counter.ticket_case()

    assert ticket is not None
    assert case.facts["ticket"] == ticket["number"]
    assert case.facts["lines"][0]["paid_to"] == "****1111"
    assert case.due_at.replace(microsecond=0) == datetime(2026, 11, 26, 2, tzinfo=UTC)


async def test_the_desk_sees_what_should_have_been_masked_and_reads_it_sealed(counter: Counter) -> None:
    await settled(counter)
    await counter.town.say("电费交错户号了，应该是户号0522222222")

    case = await counter.ticket_case()
    entries = await counter.town.database.rows("SELECT * FROM ticket_entries WHERE what = 'remark'")

    assert case.facts["should_be"] == "****2222"
    assert "0522222222" not in str(dict(case.facts))
    assert [counter.town.vault.open(row["words_sealed"], "ticket_entries.words") for row in entries] == ["0522222222"]


async def test_same_wish_and_order_is_the_same_ticket_and_another_wish_another(counter: Counter) -> None:
    await settled(counter)
    first = await counter.town.say(WRONG)
    second = await counter.town.say(WRONG)
    await counter.town.say(AMOUNT)

    numbers = await counter.numbers()
    assert len(numbers) == 2
    assert numbers[0] in first
    assert numbers[0] in second


async def test_a_refund_is_made_once_however_often_it_is_confirmed(counter: Counter) -> None:
    await refused(counter)
    await counter.town.chat(REFUND, "1")
    line = (await counter.town.last_order()).lines[0]
    key = f"refund:line:{line.id}:{line.order_id}"

    answers = [words(await counter.town.tell(Pressed(key))) for _ in range(2)]

    assert "已提交" in answers[0]
    assert "现在不能退" in answers[1]
    assert await counter.town.count("SELECT count(*) AS n FROM refunds") == 1


@pytest.mark.parametrize("situation", [settled, pending, unpaid, refused_and_met, refunded])
async def test_what_may_not_go_back_does_not_whatever_is_pressed(counter: Counter, situation: Situation) -> None:
    await situation(counter)
    line = (await counter.town.last_order()).lines[0]
    before = await counter.town.count("SELECT count(*) AS n FROM refunds")

    for verb in ("giveback", "refund"):
        answer = words(await counter.town.tell(Pressed(f"{verb}:line:{line.id}:{line.order_id}")))
        assert "现在不能退" in answer

    assert await counter.town.count("SELECT count(*) AS n FROM refunds") == before


async def test_another_customer_reaches_nothing_by_its_id(counter: Counter) -> None:
    await refused(counter)
    await counter.town.say(WRONG)
    await counter.town.say("暂不处理")
    line = (await counter.town.last_order()).lines[0]
    await counter.town.say("电费付多了")
    numbers = await counter.numbers()
    keys = [
        f"about:refund:D00:{line.order_id}",
        f"file:refund:D00:{line.order_id}",
        f"giveback:line:{line.id}:{line.order_id}",
        f"refund:line:{line.id}:{line.order_id}",
        *(f"{verb}:{number}" for verb in ("ticket", "unticket", "endticket", "reticket") for number in numbers),
    ]
    states = await counter.town.database.rows("SELECT state, customer_id FROM tickets")

    for key in keys:
        answer = words(await counter.town.tell(Pressed(key), "老王"))
        assert "128.50" not in answer
        assert "电费 2026" not in answer

    after = await counter.town.database.rows("SELECT state, customer_id FROM tickets")
    assert [tuple(row) for row in after] == [tuple(row) for row in states]
    assert await counter.town.count("SELECT count(*) AS n FROM refunds") == 0


async def test_a_refund_above_the_limit_goes_to_a_person(quick: Town) -> None:
    counter = Counter(quick)
    await quick.chat("交电费 0511111111", "1")
    await refused(counter)
    await quick.execute("UPDATE orders SET amount = 60000")
    await quick.execute("UPDATE order_lines SET amount = 60000")

    answer = await quick.say(NOT_CREDITED)

    assert "申请退回" not in answer
    assert "工单号 T" in answer


async def test_others_are_asked_once_in_ten_seconds_however_often_it_is_said(counter: Counter) -> None:
    await unpaid(counter)
    for _ in range(5):
        await counter.town.say(NOT_CREDITED)

    assert counter.town.gateway.count("query") == 1


TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("昨天交的电费", date(2026, 11, 22)),
        ("刚才付的", TODAY),
        ("前天那笔", date(2026, 11, 21)),
        ("11月2日交的", date(2026, 11, 2)),
        ("12月3号交的", date(2025, 12, 3)),
        ("5号交的", date(2026, 11, 5)),
        ("28号交的", date(2026, 10, 28)),
        ("31号交的", date(2026, 10, 31)),
        ("2月30日", None),
        ("3号楼的物业费", None),
        ("电费没到账", None),
    ],
)
def test_a_day_is_read_as_it_is_said(said: str, day: date | None) -> None:
    assert cues.day_meant(said, TODAY) == day


@pytest.mark.parametrize(
    ("wish", "said", "code"),
    [
        ("not_credited", "交了电费没到账", "D11"),
        ("not_credited", "交了电费还是停电", "D12"),
        ("not_credited", "交了怎么还收滞纳金", "D13"),
        ("not_credited", "交了还显示欠费", "D32"),
        ("duplicate", "扣了两次", "D22"),
        ("wrong_account", "户号填错了", "D21"),
        ("wrong_amount", "付多了", "D23"),
        ("refund", "我要退款", "D00"),
    ],
)
def test_a_wish_is_filed_as_the_dispute_that_its_words_tell(wish: str, said: str, code: str) -> None:
    assert cues.dispute(wish, said) == code


@pytest.mark.parametrize(
    "said", ["交电费", "我要投诉", "给13800138000充一百", "3栋2单元501", "查一下少年宫学费", "重新来", "t恤多少钱"]
)
def test_what_is_no_after_sales_is_none_by_its_words(said: str) -> None:
    found = (cues.NUMBER, cues.TICKETS, cues.REFUND_WHERE, cues.WITHDRAW, cues.REOPEN, cues.REMARK, cues.WRONG_AMOUNT)
    assert [cue.pattern for cue in found if cue.search(said)] == []
