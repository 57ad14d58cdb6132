"""The charge of a deduction: its request is committed before it is sent, and asked about until it is certain."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.ids import new_id, new_out_number
from bot.payments import closing, locks, requests, work
from bot.payments.contracts import rows
from bot.payments.contracts.contracts import faculty
from bot.payments.contracts.rows import Contract, Deduction
from bot.payments.facts import ChargeFact, Closed, Declined, Missing, NewCharge, Paid, Unknown, Waiting, Way
from bot.payments.policy import Policy, over, pause
from bot.payments.registry import Gateways
from bot.payments.sharing import plan
from bot.payments.states import CHARGE, LIVE, quoted
from bot.payments.upstream import Upstream
from bot.payments.values import Charge, Order
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

_BODY_MAX: Final = 120
# Banks carry a deduction out within minutes or overnight.
PAUSES: Final = (5.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0)

_OPEN: Final = ("created", "pending", "unknown")
_TAKEN_IN: Final = CHARGE.move("created", "unknown", to="pending", sets="next_query_at = $3, failure = NULL")
_UNKNOWN: Final = CHARGE.move("created", to="unknown", sets="next_query_at = $3, failure = $4")
_FAILED: Final = CHARGE.move(*_OPEN, to="failed", sets="failure = $3, next_query_at = NULL")
_CLOSED: Final = CHARGE.move("closing", to="closed", sets="next_query_at = NULL")
_ASK_LATER: Final = f"""
UPDATE charges SET queries = queries + 1, next_query_at = $2 WHERE id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.
_LIVE: Final = f"""
SELECT id FROM charges WHERE order_id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.
_INSERT: Final = """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state, request_sealed,
  payer_hash, discounts, trace_id, created_at, expires_at, next_query_at, queries, changed_at)
VALUES ($1, $2, $3, $4, 'contract', $5, $6, $7, 'created', $8, NULL, '{}', $9, $10, $11, $12, 0, $10)
"""
_OF_CHARGE: Final = "SELECT * FROM deductions WHERE charge_id = $1"


class Charging:
    """Makes and follows the charges of deductions."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, gateways: Gateways, upstream: Upstream, policy: Policy
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._upstream = upstream
        self._policy = policy

    async def charge(self, contract_id: str, deduction_id: str, order: Order) -> None:
        """Commit the one charge of a deduction and send its request; nothing where that has been done already."""
        now = self._clock.now()
        charge_id = await self._database.effect(lambda tx: self._take(tx, contract_id, deduction_id, order.id, now))
        if charge_id is not None:
            await self._deduct(await self._upstream.load(charge_id))
            await self.settle(deduction_id)

    async def _take(self, tx: Tx, contract_id: str, deduction_id: str, order_id: str, now: datetime) -> str | None:
        """Commit the intent while the contract stands and its cap holds; else call the deduction off."""
        contract = await rows.locked(tx, contract_id)
        order = await locks.order(tx, order_id)
        deduction = await rows.deduction(tx, deduction_id)
        assert contract is not None
        assert order is not None
        assert deduction is not None
        if deduction.state != "announced":
            # Called off meanwhile, as by the end of the contract: its order must not wait for anybody.
            if deduction.state == "cancelled":
                await closing.begin(tx, order_id, to_micros(now))
            return None
        why = await self._forbidden(tx, contract, deduction, order)
        if why:
            await rows.CANCELLED(tx, deduction_id, to_micros(now), why)
            await closing.begin(tx, order_id, to_micros(now))
            return None
        charge_id = await self._insert(tx, contract, order, now)
        soon = to_micros(now + timedelta(seconds=PAUSES[0]))
        await rows.CHARGING(tx, deduction_id, to_micros(now), order_id, charge_id, soon)
        return charge_id

    async def _forbidden(self, tx: Tx, contract: Contract, deduction: Deduction, order: Row) -> str:
        if contract.state != "active":
            return "contract_ended"
        if order["amount"] > min(contract.maximum, deduction.amount):
            return "over_contract"
        if order["state"] != "created" or await tx.row(_LIVE, order["id"]) is not None:
            return "order_taken"
        return ""

    async def _insert(self, tx: Tx, contract: Contract, order: Row, now: datetime) -> str:
        rules = await plan.rules(tx, self._gateways.get(contract.gateway), order)
        request = replace(self._request(contract, order, now), share=bool(rules))
        charge_id = new_id("chg", now)
        await tx.execute(
            _INSERT,
            charge_id,
            order["id"],
            contract.gateway,
            contract.account,
            request.out_trade_no,
            request.amount,
            request.currency,
            requests.seal_request(self._vault, request),
            order["trace_id"],
            to_micros(now),
            order["expires_at"],
            to_micros(now + timedelta(seconds=PAUSES[0])),
        )
        await plan.keep(tx, charge_id, request, contract.gateway, order, rules, now)
        return charge_id

    def _request(self, contract: Contract, order: Row, now: datetime) -> NewCharge:
        return NewCharge(
            out_trade_no=new_out_number("D", now),
            account=contract.account,
            way=Way.CONTRACT,
            amount=order["amount"],
            currency=order["currency"],
            description=order["title"][:_BODY_MAX],
            expires_at=from_micros(order["expires_at"]),
            created_at=now,
            notify_url=self._gateways.notify_url(contract.gateway, contract.account),
        )

    async def _deduct(self, charge: Charge) -> Charge:
        """Send the committed request, the identical one however often."""
        contract = await self._contract(charge)
        answer = await faculty(self._gateways, contract).deduct(
            requests.open_request(self._vault, charge), contract.ref
        )
        match answer:
            case Paid():
                await self._upstream.take_paid(charge, answer.fact)
            case Declined():
                await self._fail(charge, answer.code)
            case Waiting() | Unknown():
                await self._wait(charge, answer)
        return await self._upstream.load(charge.id)

    async def sweep(self, charge: Charge) -> Charge:
        """Ask about a deduction's charge; what the vendor never heard of is sent again while the contract stands."""
        fact = await self._gateways.get(charge.gateway).query(requests.reference(self._vault, charge))
        if isinstance(fact, Waiting) and charge.state == "closing":
            fact = await self._gateways.get(charge.gateway).close(requests.reference(self._vault, charge))
        return await self._heard(charge, fact)

    async def _heard(self, charge: Charge, fact: ChargeFact) -> Charge:
        late = over(self._clock.now(), charge.expires_at, self._policy.expiry_grace)
        match fact:
            case Paid():
                await self._upstream.take_paid(charge, fact.fact)
            case Declined():
                await self._fail(charge, fact.code)
            case Closed():
                await self._fail(charge, "closed")
            case Missing() if late:
                await self._fail(charge, "never_arrived")
            case Missing() if charge.state in _OPEN and (await self._contract(charge)).state == "active":
                await self._later(charge)
                return await self._deduct(charge)
            case _:
                await self._later(charge)
        return await self._upstream.load(charge.id)

    async def settle(self, deduction_id: str) -> None:
        """Bring a deduction to the end that its charge has come to, whoever told of it."""
        deduction = await rows.deduction(self._database, deduction_id)
        if deduction is None or deduction.state != "charging" or deduction.charge_id is None:
            return
        charge = await self._upstream.load(deduction.charge_id)
        now = self._clock.now()

        async def record(tx: Tx) -> None:
            if charge.state == "paid":
                await rows.PAID(tx, deduction_id, to_micros(now))
            elif charge.state in LIVE:
                await rows.go_on_later(tx, deduction_id, now + timedelta(seconds=pause(PAUSES, deduction.tries)))
            else:
                await rows.NOT_PAID(tx, deduction_id, to_micros(now), charge.failure or charge.state)
                # Its bill must be payable in another way at once.
                await closing.begin(tx, charge.order_id, to_micros(now))

        await self._database.effect(record)

    async def _contract(self, charge: Charge) -> Contract:
        row = await self._database.row(_OF_CHARGE, charge.id)
        assert row is not None
        contract = await rows.contract(self._database, row["contract_id"])
        assert contract is not None
        return contract

    async def _fail(self, charge: Charge, code: str) -> None:
        now = to_micros(self._clock.now())

        async def record(tx: Tx) -> None:
            if await _FAILED(tx, charge.id, now, code) or await _CLOSED(tx, charge.id, now):
                await closing.finish(tx, charge.order_id, now)
                tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _wait(self, charge: Charge, answer: Waiting | Unknown) -> None:
        now = self._clock.now()
        again = to_micros(now + timedelta(seconds=pause(PAUSES, charge.queries)))

        async def record(tx: Tx) -> None:
            if isinstance(answer, Waiting):
                await _TAKEN_IN(tx, charge.id, to_micros(now), again)
            else:
                await _UNKNOWN(tx, charge.id, to_micros(now), again, f"no_answer:{answer.reason[:80]}")

        await self._database.effect(record)

    async def _later(self, charge: Charge) -> None:
        again = self._clock.now() + timedelta(seconds=pause(PAUSES, charge.queries))
        await self._database.effect(lambda tx: tx.execute(_ASK_LATER, charge.id, to_micros(again)))
