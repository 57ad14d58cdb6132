"""Who the customers of the town deal with, by script: the power company, the contracts, and a trail that remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.billers import quoting
from bot.billers.catalogue import Catalogue
from bot.billers.items import BillItem
from bot.billers.port import Bill, BillQuery, Found, Later, Line, NotFound, PaidLine, Quote, Refusal, Settled
from bot.billers.quoting import Owed
from bot.customers.accounts import SavedAccount
from bot.dialogue.scene import Agreement
from bot.kernel.masking import mask_account
from bot.payments.contracts.port import Plan

METERS: Mapping[str, Sequence[tuple[str, int]]] = {
    "0512345678": (("2026-09", 6500), ("2026-10", 13650)),
    "0511111111": (("2026-10", 12850),),
    "0522222222": (),
}


@dataclass
class PowerCompany:
    """A remote biller by script: what it owes, whether it answers, and how often it was asked."""

    catalogue: Catalogue
    silent: bool = False
    meters: dict[str, list[Bill]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    pause: Any = None
    # What it answers next when it is told of a payment or asked about one.
    answers: list[Any] = field(default_factory=list)
    booked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, bills in METERS.items():
            self.meters[number] = [Bill(f"E{p[:4]}{p[5:]}-{number}", "电费", p, fen) for p, fen in bills]

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        self.asked.append(query.account)
        if self.pause is not None:
            await self.pause()
        if self.silent:
            return Later(5.0)
        if query.account not in self.meters:
            return NotFound()
        bills = tuple(self.meters[query.account])
        return Found(query.account, mask_account(query.account), "孙*强", balance=1500, bills=bills)

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        async def ask(item: BillItem, line: Line) -> Owed | Later:
            if self.silent:
                return Later(5.0)
            bills = self.meters.get(line.account)
            return Owed({bill.bill_no: bill for bill in bills or ()}, known=bills is not None)

        return await quoting.quote(self.catalogue, lines, at, store_id, ask)

    async def settle(self, line: PaidLine) -> Any:
        """Answer as ``answers`` says, else book the line."""
        if self.answers:
            return self.answers.pop(0)
        self.booked.append(line.id)
        return Settled("GD20261123001")

    async def settle_status(self, line: PaidLine) -> Any:
        if self.answers:
            return self.answers.pop(0)
        return Settled("GD20261123001") if line.id in self.booked else None

    async def _never(self, *_: object) -> Any:
        raise AssertionError("the conversation takes nothing back at a biller")

    undo = undo_status = _never


@dataclass
class Notes:
    """A trail that remembers."""

    taken: list[tuple[str, str, str, Mapping[str, object]]] = field(default_factory=list)

    def note(self, trace_id: str, kind: str, title: str, detail: Mapping[str, object] | None = None) -> None:
        self.taken.append((trace_id, kind, title, detail or {}))

    def titles(self, kind: str) -> list[str]:
        return [title for _, found, title, _ in self.taken if found == kind]


@dataclass
class Agreed:
    """The contracts for deduction that customers have, as the payment rooms would tell of them."""

    of: dict[str, list[Agreement]] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    answer: str | Refusal | None = "https://wallet.example.com/sign"

    async def offers(self, item_id: str) -> Sequence[Plan]:
        return [plan for plan in self.plans if plan.item_id == item_id]

    async def sign(
        self, customer_id: str, account: SavedAccount, *, gateway: str, channel: str, told_at: str, trace_id: str
    ) -> str | Refusal | None:
        self.asked.append((customer_id, account.account, gateway))
        return self.answer

    async def standing(self, customer_id: str) -> Sequence[Agreement]:
        return tuple(self.of.get(customer_id, ()))

    async def stop(self, agreement_id: str, customer_id: str) -> bool:
        kept = [each for each in self.of.get(customer_id, ()) if each.id != agreement_id]
        stopped = len(kept) < len(self.of.get(customer_id, ()))
        self.of[customer_id] = kept
        return stopped
