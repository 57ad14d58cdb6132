"""The biller's records: accounts, bills, and one line for each payment it was told of."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import IO, Any

from bot.simulators.biller.plan import Account, Bill, BillerPlan, generated

MESSAGES = {
    "paid_elsewhere": "账单已通过其他渠道缴清",
    "amount": "金额与应缴金额不一致",
    "closed": "户号已销户",
    "not_found": "户号或账单不存在",
    "conflict": "同一流水号的内容不一致",
    "used": "预存金额已使用",
    "other": "无法受理",
}


@dataclass(slots=True)
class Verdict:
    """How an advice or an undo stands: result is settled, reversed, pending or refused."""

    result: str
    code: str = ""
    biller_ref: str = ""
    retry_after: float = 0
    ticket: dict[str, str] | None = None

    def facts(self) -> dict[str, Any]:
        """The answer in the connector's shape."""
        if self.result == "pending":
            return {"result": "pending", "retry_after": self.retry_after}
        if self.result == "refused":
            return {"result": "refused", "code": self.code, "message": MESSAGES[self.code]}
        told: dict[str, Any] = {"result": self.result, "biller_ref": self.biller_ref}
        return told if self.ticket is None else {**told, "ticket": self.ticket}


@dataclass(slots=True)
class Line:
    """One payment that Scenepay told of; `amount` in fen, `bill_no` empty for a prepayment."""

    line_id: str
    account: str
    bill_no: str
    amount: int
    advice: Verdict
    undo: Verdict | None = None
    advices: int = 0

    @property
    def stands(self) -> bool:
        """Whether the money is the biller's now."""
        return self.advice.result == "settled" and (self.undo is None or self.undo.result != "reversed")


class Book:
    """All accounts and lines, in memory, with an optional journal of what was settled and reversed."""

    def __init__(self, plan: BillerPlan, opened: datetime) -> None:
        self._plan = plan
        self._opened = opened
        self._offers: dict[tuple[str, str], Bill] = {}
        self._accounts = {account.account: account for account in plan.accounts}
        self._lines: dict[str, Line] = {}
        self._refs = count(1)
        self._tickets = count(1)
        self._path = Path(plan.journal) if plan.journal else None
        self._journal: IO[str] | None = None

    def open(self) -> None:
        """Open the journal for appending."""
        if self._path is not None:
            self._journal = self._path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def account(self, number: str, today: date) -> Account | None:
        """The account with this number, planned, known or generated."""
        known = self._accounts.get(number)
        if known is None and (known := generated(self._plan, number, today)) is not None:
            self._accounts[number] = known
        return known

    def put(self, account: Account) -> None:
        """Add or replace an account."""
        self._accounts[account.account] = account

    def bill(self, account: Account, bill_no: str) -> Bill | None:
        """The account's bill with this number."""
        offered = self._offers.get((account.account, bill_no))
        return offered or next((bill for bill in account.bills if bill.bill_no == bill_no), None)

    def refresh(self, account: Account, at: datetime) -> Account:
        """Compute anew what the account owes at this moment; what was paid stays as it was."""
        if account.source is None:
            return account
        paid = {bill.bill_no: bill for bill in account.bills if bill.paid}
        fresh = account.source.bills(account.account, at, self._opened)
        refreshed = replace(account, bills=tuple(paid.get(bill.bill_no, bill) for bill in fresh))
        self.put(refreshed)
        return refreshed

    def offer(self, account: Account, amount: int, day: date) -> Bill | None:
        """A bill of the sum that the customer named, from the account's meter; None where that takes no such sum."""
        if account.meter is None:
            return None
        offered = account.meter.offer(self.new_ref("Q"), amount, f"{day}")
        if offered is not None:
            self._offers[account.account, offered.bill_no] = offered
        return offered

    def mark(self, account: Account, bill_no: str, *, paid: bool) -> None:
        """Make a bill paid or open again."""
        offered = self._offers.get((account.account, bill_no))
        if offered is not None:
            self._offers[account.account, bill_no] = replace(offered, paid=paid)
        bills = tuple(replace(bill, paid=paid) if bill.bill_no == bill_no else bill for bill in account.bills)
        self.put(replace(self._accounts[account.account], bills=bills))

    def credit(self, account: Account, amount: int) -> None:
        """Change the prepaid balance by so many fen."""
        self.put(replace(account, balance=account.balance + amount))

    def line(self, line_id: str) -> Line | None:
        """The line with this id."""
        return self._lines.get(line_id)

    def add(self, line: Line) -> None:
        """Take in a new line."""
        self._lines[line.line_id] = line

    def lines(self) -> Iterator[Line]:
        """All lines, oldest first."""
        return iter(self._lines.values())

    def new_ref(self, kind: str) -> str:
        """A number of the biller's own for a settlement or reversal."""
        return f"{self._plan.code}-{kind}{next(self._refs):08d}"

    def new_ticket(self, line_id: str) -> dict[str, str]:
        """The numbers of a fiscal receipt: code of 8, number of 10, check of 6 characters."""
        check = hashlib.sha256(line_id.encode()).hexdigest()[:6]
        return {"code": "99010126", "number": f"{next(self._tickets):010d}", "check": check}

    def write(self, kind: str, line: Line) -> None:
        """Append a settled or reversed line to the journal."""
        if self._journal is not None:
            self._journal.write(json.dumps({"kind": kind, "line_id": line.line_id, "amount": line.amount}) + "\n")
