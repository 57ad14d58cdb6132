"""Reads from the books what has become of orders, so that the strip shows facts and not intentions.

The demonstration runs on one small database, so it looks at what changed in the last seconds again and again and
remembers what it has told; the application itself never does this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.money import format_yuan
from bot.storage.port import Database, Row

# A transaction may commit a moment after the time that it wrote down.
_BEHIND: Final = timedelta(seconds=10)
_TOLD_MAX: Final = 5_000

_ORDERS: Final = """
SELECT o.id, o.trace_id, o.state, o.title, o.amount, o.created_at, COALESCE(c.changed_at, o.closed_at) AS changed_at
FROM orders o LEFT JOIN charges c ON c.id = o.paid_charge_id
WHERE o.created_at > $1 OR c.changed_at > $1 OR o.closed_at > $1
"""
_CHARGES: Final = """
SELECT c.id, o.trace_id, c.state, c.gateway, c.way, c.amount, c.out_trade_no, c.failure, c.created_at, c.changed_at
FROM charges c JOIN orders o ON o.id = c.order_id WHERE c.changed_at > $1
"""
_NOTICES: Final = """
SELECT i.gateway, i.notice_id AS id, i.kind, i.outcome, i.received_at, COALESCE(o.trace_id, i.trace_id) AS trace_id
FROM inbox i LEFT JOIN charges c ON c.id = i.charge_id LEFT JOIN orders o ON o.id = c.order_id
WHERE i.received_at > $1
"""
_POSTINGS: Final = "SELECT seq AS id, trace_id, source, destination, amount, at FROM postings WHERE at > $1"
_LINES: Final = """
SELECT l.id, o.trace_id, l.state, l.biller, l.title, l.refusal, l.changed_at
FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.changed_at > $1 AND l.state <> 'none'
"""
_REFUNDS: Final = "SELECT id, trace_id, state, amount, changed_at FROM refunds WHERE changed_at > $1"
_SUSPENSE: Final = "SELECT id, trace_id, state, amount, reason, changed_at FROM suspense WHERE changed_at > $1"
_MESSAGES: Final = """
SELECT id, trace_id, state, attempts, done_at FROM outbox WHERE kind = 'official.custom' AND done_at > $1
"""
_CASES: Final = "SELECT id, trace_id, state, kind, opened_at FROM cases WHERE opened_at > $1"

_ORDER_WORDS: Final = {
    "created": "下单",
    "paid": "订单已付清",
    "paid_late": "订单关闭后到账",
    "closing": "订单关闭中",
    "closed": "订单已关闭",
}
_CHARGE_WORDS: Final = {
    "created": "支付单落库，随后才向支付机构下单",
    "pending": "支付机构已受理，等待付款",
    "unknown": "没有应答：记为 UNKNOWN，稍后再问",
    "paid": "支付成功",
    "failed": "支付机构拒绝",
    "closing": "向支付机构关单",
    "closed": "已关单",
    "reversing": "向支付机构撤销",
    "reversed": "已撤销",
}
_OUTCOME_WORDS: Final = {
    "applied": "验签通过，一个事务内入账",
    "suspended": "属实但不能入账，转挂账",
    "recorded": "属实，仅登记",
    "refund": "退款通知，已登记",
}
_LINE_WORDS: Final = {
    "sent": "通知收费单位销账",
    "settled": "销账成功",
    "refused": "收费单位拒绝",
    "unknown": "收费单位没有应答，稍后再问",
    "reversing": "请收费单位撤销",
    "reversed": "已撤销",
    "reversal_refused": "收费单位不同意撤销",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of the books, in words for a developer."""

    at: datetime
    trace_id: str
    kind: str
    title: str
    detail: str = ""


class Books:
    """Tells each new fact once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._start = clock.now()
        self._told: dict[tuple[str, str, str], None] = {}

    def skip(self) -> None:
        """Tell nothing of what has happened until now: nobody was there to see it."""
        self._start = self._clock.now()

    async def news(self) -> list[Entry]:
        """Return what has happened since the last question, in order."""
        since = max(self._start, self._clock.now() - _BEHIND)
        found: list[Entry] = []
        for sql, read in _BOOKS:
            for row in await self._database.rows(sql, to_micros(since)):
                for key, entry in read(row):
                    if key not in self._told:
                        self._told[key] = None
                        if entry.at > since:
                            found.append(entry)
        while len(self._told) > _TOLD_MAX:
            del self._told[next(iter(self._told))]
        return sorted(found, key=lambda entry: entry.at)


Fact = tuple[tuple[str, str, str], Entry]
Read = Callable[[Row], Sequence[Fact]]


def _money(fen: int) -> str:
    return f"¥{format_yuan(fen)}"


def _order(row: Row) -> Sequence[Fact]:
    """Return the birth of an order and what it is now: the states between may pass too fast to be seen."""

    def fact(state: str, micros: int) -> Fact:
        title = f"{_ORDER_WORDS[state]} {_money(row['amount'])}"
        return ("order", row["id"], state), Entry(from_micros(micros), row["trace_id"], "order", title, row["title"])

    return [fact("created", row["created_at"]), fact(row["state"], row["changed_at"] or row["created_at"])]


def _charge(row: Row) -> Sequence[Fact]:
    facts = f"{row['gateway']} {row['way'].upper()} {_money(row['amount'])} {row['out_trade_no']}"
    detail = f"{facts} {row['failure']}" if row["failure"] else facts

    def fact(state: str, micros: int, text: str) -> Fact:
        entry = Entry(from_micros(micros), row["trace_id"], "charge", _CHARGE_WORDS[state], text)
        return ("charge", row["id"], state), entry

    return [fact("created", row["created_at"], facts), fact(row["state"], row["changed_at"], detail)]


def _notice(row: Row) -> Sequence[Fact]:
    outcome, _, reason = row["outcome"].partition(":")
    title = f"{'主动查单' if row['kind'] == 'query' else '支付通知'}{_OUTCOME_WORDS.get(outcome, outcome)}"
    entry = Entry(from_micros(row["received_at"]), row["trace_id"], "notice", title, reason or row["kind"])
    return [(("notice", row["gateway"], row["id"]), entry)]


def _posting(row: Row) -> Sequence[Fact]:
    title = f"{row['source']} → {row['destination']} {_money(row['amount'])}"
    return [(("posting", str(row["id"]), ""), Entry(from_micros(row["at"]), row["trace_id"], "posting", title))]


def _line(row: Row) -> Sequence[Fact]:
    detail = f"{row['biller']} {row['title']} {row['refusal'] or ''}".strip()
    entry = Entry(from_micros(row["changed_at"]), row["trace_id"], "biller", _LINE_WORDS[row["state"]], detail)
    return [(("line", row["id"], row["state"]), entry)]


def _refund(row: Row) -> Sequence[Fact]:
    title = f"退款 {_money(row['amount'])} {row['state']}"
    entry = Entry(from_micros(row["changed_at"]), row["trace_id"], "charge", title)
    return [(("refund", row["id"], row["state"]), entry)]


def _suspended(row: Row) -> Sequence[Fact]:
    title = f"挂账 {_money(row['amount'])} {row['state']}"
    entry = Entry(from_micros(row["changed_at"]), row["trace_id"], "posting", title, row["reason"])
    return [(("suspense", row["id"], row["state"]), entry)]


def _message(row: Row) -> Sequence[Fact]:
    title = "客服消息已送出" if row["state"] == "done" else "消息没有送出"
    entry = Entry(from_micros(row["done_at"]), row["trace_id"], "message", title, f"第 {row['attempts']} 次")
    return [(("message", row["id"], row["state"]), entry)]


def _case(row: Row) -> Sequence[Fact]:
    entry = Entry(from_micros(row["opened_at"]), row["trace_id"], "case", f"转人工：{row['kind']}", row["state"])
    return [(("case", row["id"], row["state"]), entry)]


# In the order in which one transaction does them, for they all carry its one moment.
_BOOKS: Final[Sequence[tuple[LiteralString, Read]]] = (
    (_NOTICES, _notice),
    (_POSTINGS, _posting),
    (_CHARGES, _charge),
    (_ORDERS, _order),
    (_SUSPENSE, _suspended),
    (_LINES, _line),
    (_REFUNDS, _refund),
    (_MESSAGES, _message),
    (_CASES, _case),
)
