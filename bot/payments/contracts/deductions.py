"""Deducts a bill under a contract: told beforehand, once in a period and once a bill, never above either's amount.

The money comes by an ordinary order and charge and is credited through the same door as any payment; what is special
is only that we ask for it. A request without an answer is asked about, and sent again with the same number only when
the vendor has never heard of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final

from bot.billers.port import Directory, Line, Quote, Refusal
from bot.jobs.outbox import enqueue
from bot.kernel.clock import SHANGHAI, Clock, business_day, to_micros
from bot.kernel.errors import NotFound
from bot.kernel.ids import new_id
from bot.payments import work
from bot.payments.contracts import rows
from bot.payments.contracts.charging import Charging
from bot.payments.contracts.contracts import ACCOUNT, faculty
from bot.payments.contracts.port import Due
from bot.payments.contracts.rows import Contract, Deduction
from bot.payments.facts import Declined, Unknown
from bot.payments.faculties import PreNotice
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.policy import pause
from bot.payments.registry import Gateways
from bot.payments.values import Order
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

BILL: Final = "deductions.bill_key"
# People are told by day (WeChat Pay takes pre-notices from 7:00 to 22:00) and debited in the morning.
_TOLD_FROM, _TOLD_UNTIL, _DEBIT_AT = 8, 21, 9
# How long an order for a deduction can be paid, and how long one is tried to be placed after its day.
WITHIN: Final = timedelta(days=3)
_PAUSES: Final = (60.0, 300.0, 1_800.0, 3_600.0)

_INSERT: Final = """
INSERT INTO deductions (id, contract_id, period, bill_key, amount, line_sealed, day, state, next_at, trace_id,
  created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'planned', $8, $9, $8, $8)
ON CONFLICT DO NOTHING
"""
_PLACED: Final = "SELECT id FROM orders WHERE quote_id = $1"


class Deductions:
    """Plans deductions and carries each to its end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        gateways: Gateways,
        directory: Directory,
        orders: Orders,
        charging: Charging,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._directory = directory
        self._orders = orders
        self._charging = charging

    async def due(self, contract_id: str, line: Line, day: date) -> Due | Refusal:
        """Have a bill deducted on a day, or as soon after it as its customer can be told; see ``port.Autopay``."""
        now = self._clock.now()
        return await self._database.effect(lambda tx: self._plan(tx, contract_id, line, day, now))

    async def _plan(self, tx: Tx, contract_id: str, line: Line, day: date, now: datetime) -> Due | Refusal:
        contract = await rows.locked(tx, contract_id)
        refusal = self._unfit(contract, line)
        if contract is None or refusal is not None:
            return refusal or Refusal("contract_inactive")
        day = max(day, business_day(now) + timedelta(days=contract.notice_days))
        deduction_id = new_id("ded", now)
        inserted = await tx.execute(
            _INSERT,
            deduction_id,
            contract_id,
            contract.period(day),
            self._bill_key(line, contract.period(day)),
            line.amount,
            rows.seal_line(self._vault, line),
            day.isoformat(),
            to_micros(now),
            contract.trace_id,
        )
        # The unique indexes are the rule: one standing deduction a period, and one a bill.
        return Due(deduction_id, day, line.amount) if inserted else Refusal("deducted")

    def _unfit(self, contract: Contract | None, line: Line) -> Refusal | None:
        if contract is None or contract.state != "active":
            return Refusal("contract_inactive")
        account = self._vault.blind(f"{line.item_id}\x1f{line.account}", ACCOUNT)
        if line.item_id != contract.item_id or account != contract.account_hash:
            return Refusal("other_account")
        if not 0 < line.amount <= contract.maximum:
            return Refusal("over_contract", {"maximum": contract.maximum})
        return None

    def _bill_key(self, line: Line, period: int) -> str:
        bill = line.bill
        if bill is not None and bill.bill_id is not None:
            return bill.bill_id
        which = (bill.bill_no or bill.period) if bill is not None else line.period
        return self._vault.blind(f"{line.item_id}\x1f{line.account}\x1f{which or period}", BILL)

    async def carry(self, deduction_id: str) -> str:
        """Take the step that is due and return the state. Raises NotFound(``deduction_unknown``)."""
        deduction = await rows.deduction(self._database, deduction_id)
        if deduction is None:
            raise NotFound("deduction_unknown")
        contract = await rows.contract(self._database, deduction.contract_id)
        assert contract is not None
        match deduction.state:
            case "planned":
                await self._announce(contract, deduction)
            case "announced":
                await self._debit(contract, deduction)
            case "charging":
                await self._charging.settle(deduction_id)
        after = await rows.deduction(self._database, deduction_id)
        return after.state if after is not None else deduction.state

    # --- telling -----------------------------------------------------------------------------------------------------

    async def _announce(self, contract: Contract, deduction: Deduction) -> None:
        """Have the customer told how much and when; the day moves on until it is far enough away."""
        now = self._clock.now()
        local = now.astimezone(SHANGHAI)
        if not _TOLD_FROM <= local.hour < _TOLD_UNTIL:
            opens = local.date() if local.hour < _TOLD_FROM else local.date() + timedelta(days=1)
            await self._go_on(deduction, _at(opens, _TOLD_FROM))
            return
        day = max(deduction.day, business_day(now) + timedelta(days=contract.notice_days))
        if contract.period(day) != deduction.period:
            await self._cancel(deduction, "too_late")
            return
        answer = await faculty(self._gateways, contract).announce(PreNotice(contract.ref, deduction.amount, day))
        if isinstance(answer, Unknown):
            await self._go_on(deduction, now + timedelta(seconds=pause(_PAUSES, deduction.tries)))
        elif isinstance(answer, Declined):
            await self._cancel(deduction, answer.code)
        else:
            await self._database.effect(lambda tx: self._announced(tx, contract, deduction, day, now))

    async def _announced(self, tx: Tx, contract: Contract, deduction: Deduction, day: date, now: datetime) -> None:
        debit = to_micros(_at(day, _DEBIT_AT))
        told = await rows.ANNOUNCED(tx, deduction.id, to_micros(now), day.isoformat(), debit)
        if told and contract.channel is not None:
            await enqueue(tx, [work.deduction_notice(deduction.id, contract.channel, deduction.trace_id)], now)

    # --- taking ------------------------------------------------------------------------------------------------------

    async def _debit(self, contract: Contract, deduction: Deduction) -> None:
        """Place the order for what the bill comes to now, and ask for the money."""
        now = self._clock.now()
        if business_day(now) < deduction.day or now < _at(deduction.day, _DEBIT_AT):
            await self._go_on(deduction, _at(deduction.day, _DEBIT_AT))
            return
        order = await self._order(contract, deduction, now)
        if isinstance(order, Refusal):
            await self._cancel(deduction, order.code)
        elif order is None:
            await self._go_on(deduction, now + timedelta(seconds=pause(_PAUSES, deduction.tries)))
        else:
            await self._charging.charge(contract.id, deduction.id, order)

    async def _order(self, contract: Contract, deduction: Deduction, now: datetime) -> Order | Refusal | None:
        """Return the deduction's order, the same one however often; None where the biller cannot be asked now."""
        quote_id = f"quo_{deduction.id}"
        placed = await self._database.row(_PLACED, quote_id)
        if placed is not None:
            return await self._orders.get(placed["id"])
        line = rows.open_line(self._vault, deduction.line_sealed)
        biller = await self._directory.biller(line.item_id)
        quote = await biller.quote([line], now)
        if isinstance(quote, Refusal):
            return quote
        if not isinstance(quote, Quote):
            late = now > _at(deduction.day, _DEBIT_AT) + WITHIN
            return Refusal("biller_silent") if late else None
        if quote.amount > min(deduction.amount, contract.maximum):
            return Refusal("bill_changed")
        placing = Placing(contract.origin, deduction.trace_id, contract.channel, contract.told_at, contract.customer_id)
        return await self._orders.place(replace(quote, id=quote_id, expires_at=now + WITHIN), placing)

    async def _cancel(self, deduction: Deduction, why: str) -> None:
        """Call it off before anything was asked for; a person looks at what a customer was told in vain."""
        now = self._clock.now()

        async def cancel(tx: Tx) -> None:
            if await rows.CANCELLED(tx, deduction.id, to_micros(now), why):
                facts: Mapping[str, str | int] = {"why": why, "amount": deduction.amount, "was": deduction.state}
                case = work.case("deduction_cancelled", deduction.id, deduction.contract_id, facts, deduction.trace_id)
                await enqueue(tx, [case], now)

        await self._database.effect(cancel)

    async def _go_on(self, deduction: Deduction, moment: datetime) -> None:
        await self._database.effect(lambda tx: rows.go_on_later(tx, deduction.id, moment))


def _at(day: date, hour: int) -> datetime:
    """Return when an hour of a business day begins."""
    return datetime.combine(day, time(hour), SHANGHAI)
