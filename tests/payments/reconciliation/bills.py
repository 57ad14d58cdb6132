"""A gateway whose bills a test writes, and books that are put straight into their tables."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from bot.kernel.clock import SHANGHAI, to_micros
from bot.kernel.errors import GatewayTrouble
from bot.payments.facts import StatementLine, Way
from bot.payments.faculties import FlowLine
from bot.payments.reconciliation.days import AccountDay, FeeTerms, Terms
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.port import Database, Tx
from tests.payments.scripted_gateway import ScriptedGateway
from tests.payments.world import World

DAY = date(2026, 11, 20)
MAIN = AccountDay("scripted", "main", DAY)
NEXT = MAIN.later(1)
RATE = FeeTerms(6_000)
AGREED = Terms(fees={("scripted", "main"): RATE})


@dataclass(slots=True)
class BillGateway(ScriptedGateway):
    """Gives out the bills that a test wrote; a day without one is in trouble."""

    can: frozenset[Way] = frozenset({Way.JSAPI, Way.NATIVE, Way.CLOSE, Way.REFUND, Way.CODE, Way.STATEMENT, Way.FLOW})
    bills: dict[date, list[StatementLine]] = field(default_factory=dict)
    movements: dict[date, list[FlowLine]] = field(default_factory=dict)
    asked: list[date] = field(default_factory=list)
    # How many lines come before the stream breaks; None for all.
    breaks_after: int | None = None

    def __post_init__(self) -> None:
        self.flows = BillFlows(self)

    async def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        self.asked.append(day)
        if day not in self.bills:
            raise GatewayTrouble("statement_unavailable")
        for number, line in enumerate(self.bills[day]):
            if number == self.breaks_after:
                raise GatewayTrouble("statement_unavailable")
            yield line


class BillFlows:
    """The movements of the gateway's bills."""

    def __init__(self, gateway: BillGateway) -> None:
        self._gateway = gateway

    async def lines(self, account: str, day: date) -> AsyncIterator[FlowLine]:
        if day not in self._gateway.movements:
            raise GatewayTrouble("statement_unavailable")
        for line in self._gateway.movements[day]:
            yield line


def at(clock: str = "12:00:00", day: date = DAY) -> datetime:
    """A moment of a business day in Shanghai."""
    return datetime.combine(day, time.fromisoformat(clock), SHANGHAI).astimezone(UTC)


def line(number: str, amount: int = 1_000, **more: Any) -> StatementLine:
    """A line of a payment as agreed."""
    moment = more.pop("at", at())
    wanted = StatementLine("payment", number, f"tx-{number}", amount, "CNY", "SUCCESS", moment)
    wanted = replace(wanted, **more)
    return wanted if "fee" in more else replace(wanted, fee=RATE.of_payment(wanted.settlement_amount or wanted.amount))


def refund_line(number: str, amount: int = 300, *, of: str = "T1", **more: Any) -> StatementLine:
    moment = more.pop("at", at())
    wanted = StatementLine("refund", of, f"tx-{of}", amount, "CNY", "SUCCESS", moment, out_refund_no=number)
    wanted = replace(wanted, **more)
    return wanted if "fee" in more else replace(wanted, fee=RATE.of_refund(wanted.amount))


def share_line(number: str, amount: int = 100, **more: Any) -> StatementLine:
    """A line of a share, with a number of the gateway's own for each."""
    moment = more.pop("at", at())
    told = {"refund_id": f"d-{number}-{amount}", "out_order_no": number, **more}
    wanted = StatementLine("share", "", f"tx-{number}", amount, "CNY", "SUCCESS", moment)
    return replace(wanted, **told)


@dataclass(slots=True)
class Books:
    """Rows to be put into the books at once."""

    account: str = "main"
    charges: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    suspense: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)

    def share(self, number: str, *amounts: int, **more: Any) -> None:
        """A share whose parts were given; ``back`` are returns as (number, amount, moment)."""
        moment = more.pop("at", at())
        moments = more.pop("moments", [moment] * len(amounts))
        states = more.pop("states", ["succeeded"] * len(amounts))
        parts = list(zip(amounts, moments, states, strict=True))
        self.charge(f"{number}T", 10_000, at=moment)
        self.shares.append({"number": number, "parts": parts, "state": "done", "back": [], **more})

    def charge(self, number: str, amount: int = 1_000, **more: Any) -> None:
        moment = more.pop("at", at())
        row = {"number": number, "tx": f"tx-{number}", "amount": amount, "currency": "CNY", "state": "paid"}
        self.charges.append({**row, "settled": amount, "at": moment, **more})

    def refund(self, number: str, amount: int = 300, *, of: str = "T1", **more: Any) -> None:
        moment = more.pop("at", at())
        row = {"number": number, "of": of, "amount": amount, "currency": "CNY", "state": "succeeded", "at": moment}
        self.refunds.append({**row, **more})

    def hold(self, number: str, amount: int = 1_000, **more: Any) -> None:
        moment = more.pop("at", at())
        row = {"number": number, "tx": f"tx-{number}", "amount": amount, "currency": "CNY", "at": moment}
        self.suspense.append({**row, **more})

    async def put(self, database: Database) -> None:
        if self.charges or self.refunds or self.suspense or self.shares:
            await database.effect(self._put)

    async def _put(self, tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, state, trace_id, "
            "created_at, expires_at) VALUES ('ord_b', 'quo_b', 'tok_b', 'mer', 's', 'chat', 't', 1, 'closed', 'trc', "
            "1, 1) ON CONFLICT (id) DO NOTHING"
        )
        for row in self.charges:
            paid = row["state"] == "paid"
            await tx.execute(
                "INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, "
                "state, request_sealed, transaction_id, settlement_amount, paid_at, trace_id, created_at, expires_at, "
                "changed_at) VALUES ($1, 'ord_b', 'scripted', $11, 'jsapi', $2, $3, $4, $5, $6, $7, $8, $9, 'trc', "
                "$10, $10, $10)",
                f"chg_{row['number']}",
                row["number"],
                row["amount"],
                row["currency"],
                row["state"],
                b"sealed",
                row["tx"] if paid else None,
                row["settled"] if paid else None,
                to_micros(row["at"]) if paid else None,
                to_micros(row["at"]),
                self.account,
            )
        for row in self.shares:
            await self._put_share(tx, row)
        for row in self.refunds:
            done = row["state"] == "succeeded"
            await tx.execute(
                "INSERT INTO refunds (id, order_id, out_refund_no, gateway, gateway_account, out_trade_no, total, "
                "source, amount, currency, reason, state, requested_by, approved_by, trace_id, created_at, "
                "succeeded_at, changed_at) VALUES ($1, 'ord_b', $2, 'scripted', $9, $3, $4, 'order', $4, $5, 'r', "
                "$6, 'ann', 'bob', 'trc', $7, $8, $7)",
                f"rfd_{row['number']}",
                row["number"],
                row["of"],
                row["amount"],
                row["currency"],
                row["state"],
                to_micros(row["at"]),
                to_micros(row["at"]) if done else None,
                self.account,
            )
        for row in self.suspense:
            await tx.execute(
                "INSERT INTO suspense (id, gateway, gateway_account, out_trade_no, transaction_id, amount, currency, "
                "reason, state, trace_id, at, changed_at) "
                "VALUES ($1, 'scripted', $7, $2, $3, $4, $5, 'unknown_order', 'held', 'trc', $6, $6)",
                f"sus_{row['tx']}",
                row["number"],
                row["tx"],
                row["amount"],
                row["currency"],
                to_micros(row["at"]),
                self.account,
            )

    async def _put_share(self, tx: Tx, row: dict[str, Any]) -> None:
        number = row["number"]
        await tx.execute(
            "INSERT INTO shares (id, charge_id, order_id, merchant_id, gateway, gateway_account, out_trade_no, rules, "
            "paid, out_order_no, out_finish_no, state, trace_id, created_at, changed_at) VALUES ($1, $2, 'ord_b', "
            "'mer', 'scripted', $3, $4, '{}', 10000, $5, $6, $7, 'trc', 1, 1)",
            f"shr_{number}",
            f"chg_{number}T",
            self.account,
            f"{number}T",
            number,
            f"{number}U",
            row["state"],
        )
        for place, (amount, moment, state) in enumerate(row["parts"]):
            await tx.execute(
                "INSERT INTO share_parts (id, share_id, position, receiver, rule_id, amount, state, changed_at, "
                "succeeded_at) VALUES ($1, $2, $3, $4, 'rul', $5, $6, 1, $7)",
                f"shp_{number}_{place}",
                f"shr_{number}",
                place,
                f"r{place}",
                amount,
                state,
                to_micros(moment) if state == "succeeded" else None,
            )
        for out_return_no, amount, moment in row["back"]:
            await tx.execute(
                "INSERT INTO share_returns (id, share_id, part_id, out_return_no, amount, state, trace_id, created_at, "
                "changed_at, succeeded_at) VALUES ($1, $2, $3, $4, $5, $6, 'trc', 1, 1, $7)",
                f"srt_{out_return_no}",
                f"shr_{number}",
                f"shp_{number}_0",
                out_return_no,
                amount,
                "succeeded" if moment is not None else "sent",
                to_micros(moment) if moment is not None else None,
            )


@dataclass(slots=True)
class Bench:
    """A world with bills, and the short ways that these tests take."""

    world: World
    gateway: BillGateway
    room: Reconciliation
    books: Books = field(default_factory=Books)

    @property
    def database(self) -> Database:
        return self.world.database

    def bill(self, *lines: StatementLine, day: AccountDay = MAIN) -> None:
        self.gateway.bills[day.day] = list(lines)

    async def run(self, day: AccountDay = MAIN) -> Any:
        """Put what the books gained and compare a day."""
        books, self.books = self.books, Books()
        await books.put(self.database)
        return (await self.room.run(day)).report

    async def found(self, day: AccountDay | None = None, *, void: bool = False) -> list[tuple[str, ...]]:
        """What stands in the tables: (day, measure, kind, number, state)."""
        rows = await self.world.rows("SELECT * FROM recon_differences ORDER BY day, measure, kind, number, copy")
        return [
            (row["day"], row["measure"], row["kind"], row["number"], row["state"])
            for row in rows
            if (void or row["state"] != "void") and (day is None or row["day"] == day.text)
        ]

    async def kinds(self, day: AccountDay = MAIN) -> list[tuple[str, str]]:
        """What differs on a day: (kind, state)."""
        return [(kind, state) for _, _, kind, _, state in await self.found(day)]

    async def count(self, table: str) -> int:
        rows: Sequence[Any] = await self.world.rows(f"SELECT COUNT(*) AS n FROM {table}")  # noqa: S608 - A test's word.
        return int(rows[0]["n"])

    def travel(self, days: int) -> None:
        self.world.clock.advance(timedelta(days=days).total_seconds())
