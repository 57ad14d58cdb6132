"""The five operations of docs/connector.md as the biller carries them out."""

from datetime import date, datetime, timedelta
from typing import Any

from bot.simulators.background import Background
from bot.simulators.biller.book import Book, Line, Verdict
from bot.simulators.biller.plan import Account, Bill, BillerPlan
from bot.simulators.biller.wire import NoAnswer, fen, text
from bot.simulators.clock import Clock

LATER_SECONDS = 2
SHANGHAI = timedelta(hours=8)
REFUSED_ADVICE = {"paid_elsewhere": "paid_elsewhere", "advise_closed": "closed"}
UNKNOWN = {"result": "unknown"}
Facts = dict[str, Any]


class Operations:
    """Carries out verified requests; `fault` is what the faults table drew for the call."""

    def __init__(self, plan: BillerPlan, clock: Clock, book: Book, background: Background) -> None:
        self._plan = plan
        self._clock = clock
        self._book = book
        self._background = background

    def query(self, request: Facts, fault: str) -> Facts:
        """bills/query; an account that the fields do not match is as unknown as one that is not there."""
        number, item = text(request, "account"), text(request, "item", optional=True)
        period = text(request, "period", optional=True)
        given = request.get("fields") or {}
        if not isinstance(given, dict):
            raise NoAnswer(400, "fields")
        if fault == "query_later":
            return {"result": "later", "retry_after": LATER_SECONDS}
        account = self._account(number)
        if account is None or (account.item and item and account.item != item):
            return {"result": "not_found"}
        if any(given.get(name) != value for name, value in account.fields.items()):
            return {"result": "not_found"}
        today = self._today()
        listed = account.bills
        if account.meter is not None and "amount" in request:
            offered = self._book.offer(account, fen(request, "amount"), today)
            listed = () if offered is None else (offered,)
        bills = [_bill_facts(bill, today) for bill in listed if not period or bill.period == period]
        return {
            "result": "found",
            "account": account.account,
            "name": account.name,
            "address": account.address,
            "balance": account.balance,
            "bills": bills,
        }

    def advise(self, request: Facts, fault: str) -> Facts:
        """payments/advise, idempotent by line_id."""
        line_id, number = text(request, "line_id"), text(request, "account")
        bill_no, amount = text(request, "bill_no", optional=True), fen(request, "amount")
        text(request, "period", optional=True)
        _moment(text(request, "paid_at"))
        known = self._book.line(line_id)
        if known is None:
            known = Line(line_id, number, bill_no, amount, Verdict("pending"))
            self._book.add(known)
            self._begin(known, fault)
        known.advices += 1
        if (known.account, known.bill_no, known.amount) != (number, bill_no, amount):
            return Verdict("refused", "conflict").facts()
        return known.advice.facts()

    def status(self, request: Facts, fault: str) -> Facts:
        """payments/status."""
        line = self._book.line(text(request, "line_id"))
        return line.advice.facts() if line else UNKNOWN

    def undo(self, request: Facts, fault: str) -> Facts:
        """payments/undo, idempotent by line_id."""
        line_id, amount = text(request, "line_id"), fen(request, "amount")
        line = self._book.line(line_id)
        if line is None or (line.undo is None and line.advice.result == "refused"):
            return Verdict("refused", "not_found").facts()
        if amount != line.amount:
            return Verdict("refused", "conflict").facts()
        if line.undo is None and line.advice.result == "pending":
            line.undo = self._pending()
        elif line.undo is None:
            self._begin_undo(line, fault)
        assert line.undo is not None, "the undo has begun"
        return line.undo.facts()

    def undo_status(self, request: Facts, fault: str) -> Facts:
        """payments/undo_status."""
        line = self._book.line(text(request, "line_id"))
        return line.undo.facts() if line and line.undo else UNKNOWN

    def _begin(self, line: Line, fault: str) -> None:
        account = self._account(line.account)
        if account is not None and account.slow and not fault:
            fault = "advise_pending"
        if fault in ("advise_pending", "advise_pending_refused"):
            line.advice = self._pending()
            self._background.start(self._decide_later(line, refuse=fault == "advise_pending_refused"))
        else:
            self._decide(line, REFUSED_ADVICE.get(fault, ""))

    async def _decide_later(self, line: Line, *, refuse: bool) -> None:
        await self._clock.sleep(self._plan.pending_seconds)
        self._decide(line, "other" if refuse else "")
        if line.undo is not None and line.advice.result == "settled":
            self._reverse(line)
        elif line.undo is not None:
            line.undo = Verdict("refused", "not_found")

    def _decide(self, line: Line, refusal: str) -> None:
        account = self._account(line.account)
        code = self._why_not(line, account)
        if refusal and not code:
            code = refusal
            if account and refusal == "paid_elsewhere" and line.bill_no:
                self._book.mark(account, line.bill_no, paid=True)
        if code or account is None:
            line.advice = Verdict("refused", code or "not_found")
            return
        if line.bill_no:
            self._book.mark(account, line.bill_no, paid=True)
        else:
            self._book.credit(account, line.amount)
        bill = self._book.bill(account, line.bill_no) if line.bill_no else None
        ticket = self._book.new_ticket(line.line_id) if bill and bill.ticket else None
        line.advice = Verdict("settled", biller_ref=self._book.new_ref("S"), ticket=ticket)
        self._book.write("settled", line)

    def _why_not(self, line: Line, account: Account | None) -> str:
        if account is None:
            return "not_found"
        if not line.bill_no:
            return ""
        bill = self._book.bill(account, line.bill_no)
        if bill is None:
            return "not_found"
        if bill.paid:
            return "paid_elsewhere"
        # Whoever paid before midnight paid yesterday's late fee.
        days = (self._today(), self._today() - timedelta(days=1))
        return "" if bill.takes(line.amount, days) else "amount"

    def _begin_undo(self, line: Line, fault: str) -> None:
        account = self._account(line.account)
        if fault == "undo_used" or (account is not None and account.final and not line.bill_no):
            line.undo = Verdict("refused", "used")
        elif fault == "undo_pending":
            line.undo = self._pending()
            self._background.start(self._undo_later(line))
        else:
            self._reverse(line)

    async def _undo_later(self, line: Line) -> None:
        await self._clock.sleep(self._plan.pending_seconds)
        self._reverse(line)

    def _reverse(self, line: Line) -> None:
        account = self._account(line.account)
        assert account is not None, "a settled line has an account"
        if line.bill_no:
            self._book.mark(account, line.bill_no, paid=False)
        elif account.balance < line.amount:
            line.undo = Verdict("refused", "used")
            return
        else:
            self._book.credit(account, -line.amount)
        line.undo = Verdict("reversed", biller_ref=self._book.new_ref("R"))
        self._book.write("reversed", line)

    def _pending(self) -> Verdict:
        return Verdict("pending", retry_after=self._plan.pending_seconds)

    def _account(self, number: str) -> Account | None:
        account = self._book.account(number, self._today())
        return None if account is None else self._book.refresh(account, self._clock.now())

    def _today(self) -> date:
        return (self._clock.now() + SHANGHAI).date()


def _bill_facts(bill: Bill, today: date) -> Facts:
    facts: Facts = {
        "bill_no": bill.bill_no,
        "period": bill.period,
        "amount": bill.amount,
        "late_fee": bill.late_on(today),
        "due_on": bill.due_on,
        "state": "paid" if bill.paid else "open",
        "detail": dict(bill.detail),
    }
    if bill.title:
        facts["title"] = bill.title
    if bill.split is not None:
        facts["split"] = dict(bill.split)
    return facts


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise NoAnswer(400, "paid_at") from None
    if moment.tzinfo is None:
        raise NoAnswer(400, "paid_at")
    return moment
