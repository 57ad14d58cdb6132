"""付款码: the merchant scans the payer's code, waits while they type a password, and takes back what stays uncertain.

A code pays when it is sent, so the pay call is made once and never repeated: what it does not tell is asked for, at
the vendor's own pace, and after that the charge is reversed until its end is certain (payments.md, trap 4). The code
itself is handed through and kept nowhere; a charge whose process died before the call is asked about and reversed
like any other.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.billers.port import Refusal
from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.errors import Misconfigured
from bot.kernel.ids import new_id, new_out_number
from bot.kernel.masking import Secret
from bot.ledger import accounts
from bot.payments import closing, locks, requests, work
from bot.payments.credit_item import PAID_SEEN
from bot.payments.facts import ChargeFact, Closed, Declined, Missing, NewCharge, Paid, Unknown, Waiting, Way
from bot.payments.faculties import CodePace, Codes
from bot.payments.policy import Policy, pause
from bot.payments.registry import Gateways
from bot.payments.sharing import plan
from bot.payments.states import CHARGE, LIVE, quoted
from bot.payments.upstream import Upstream
from bot.payments.values import Charge
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

# Between attempts to reverse, in seconds; the last repeats, and a person is told before that.
REVERSE_PAUSES: Final = (2.0, 5.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
# "No such number" is believed only when the pay call can no longer be on its way.
MISSING_SECONDS: Final = 120.0
# A code is good for about a minute, and its charge must not outlive its order by much.
CHARGE_SECONDS_MIN: Final = 5.0
_BODY_MAX: Final = 120

_OPEN: Final = ("created", "pending", "unknown")
_WAITING: Final = CHARGE.move("created", "unknown", to="pending", sets="next_query_at = $3, failure = NULL")
_UNKNOWN: Final = CHARGE.move("created", to="unknown", sets="next_query_at = $3, failure = $4")
_REVERSING: Final = CHARGE.move(*_OPEN, to="reversing", sets="queries = 0, next_query_at = $3")
_REVERSED: Final = CHARGE.move("reversing", to="reversed", sets="next_query_at = NULL")
# Its gateway may tell of the payment at the very moment at which it says that there is no such number.
_NEVER_PAID: Final = CHARGE.move(
    "reversing", to="reversed", sets="next_query_at = NULL", only=f"COALESCE(failure, '') <> '{PAID_SEEN}'"
)
_CLOSED: Final = CHARGE.move("closing", to="closed", sets="next_query_at = NULL")
_FAILED: Final = CHARGE.move(*_OPEN, to="failed", sets="failure = $3, next_query_at = NULL")
_ASK_LATER: Final = f"""
UPDATE charges SET queries = queries + 1, next_query_at = $2 WHERE id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.
_ANY: Final = f"""
SELECT id FROM charges WHERE order_id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.
_COUNT: Final = "SELECT COUNT(*) AS made FROM charges WHERE order_id = $1"
_INSERT: Final = """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state, request_sealed,
  payer_hash, discounts, trace_id, created_at, expires_at, next_query_at, queries, changed_at)
VALUES ($1, $2, $3, $4, 'code', $5, $6, $7, 'created', $8, NULL, '{}', $9, $10, $11, $12, 0, $10)
"""


@dataclass(frozen=True, slots=True)
class CodeAsk:
    """Which order is paid by a scanned code, at which gateway, and where the scanner stands."""

    order_id: str
    gateway: str
    account: str
    store: str = ""
    device: str = ""
    payer_ip: str | None = None
    once: bool = False  # Refuse as ``charge_made`` when the order has had any charge.


class Step(StrEnum):
    """What follows from an answer about a scanned charge that is not paid."""

    FAIL = "fail"  # An explicit no.
    END = "end"  # It is unpaid for good.
    REVERSE = "reverse"  # The payer has had their time.
    LATER = "later"


def after_query(fact: ChargeFact, *, patient: bool) -> Step:
    """Decide on an answer to a query; ``patient`` while the payer may still be typing."""
    match fact:
        case Declined():
            return Step.FAIL
        case Closed():
            return Step.END
        case _:
            return Step.LATER if patient else Step.REVERSE


def after_reverse(fact: ChargeFact, *, late: bool) -> Step:
    """Decide on an answer to a reversal. ``FAIL``: this gateway reverses it no more, so a query must tell."""
    match fact:
        case Closed():
            return Step.END
        case Missing() if late:
            return Step.END
        case Declined():
            return Step.FAIL
        case _:
            return Step.LATER


class Scanned:
    """Takes payments by scanned codes and brings each to its end. Returned charges are as they stand afterwards."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, gateways: Gateways, upstream: Upstream, policy: Policy
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._upstream = upstream
        self._policy = policy

    async def pay(self, ask: CodeAsk, auth_code: Secret) -> Charge | Refusal:
        """Make one charge of an order and send the code, once.

        The charge is ``paid``, ``failed``, ``pending`` (the payer types a password) or ``unknown``. Refusals:
        ``way_unsupported``, ``order_unknown``, ``order_closed``, ``order_expired``, ``already_paid``,
        ``charge_in_flight`` (end that one first) and ``charge_limit``.
        """
        accounts.clearing(ask.gateway, ask.account)
        codes = self._gateways.get(ask.gateway).codes
        if codes is None:
            return Refusal("way_unsupported")
        taken = await self._database.effect(lambda tx: self._take(tx, ask, codes.pace))
        if isinstance(taken, Refusal):
            return taken
        charge = await self._upstream.load(taken)
        answer = await codes.pay(requests.open_request(self._vault, charge), auth_code)
        # What the payer's own code is refused for says nothing of the gateway, and silence does.
        self._gateways.saw(charge.gateway, charge.gateway_account, "create", answer)
        match answer:
            case Paid():
                await self._upstream.take_paid(charge, answer.fact)
            case Declined():
                await self._fail(charge, answer.code)
            case Waiting() | Unknown():
                await self._wait(charge, answer, codes.pace)
        return await self._upstream.load(charge.id)

    async def sweep(self, charge: Charge) -> Charge:
        """Ask about a charge, or reverse it, whichever its state and its age demand."""
        codes = self._codes(charge)
        if charge.state in ("reversing", "closing"):
            return await self._reverse(charge, codes)
        if charge.state in _OPEN:
            return await self._ask(charge, codes)
        return charge

    async def cancel(self, charge_id: str) -> Charge:
        """Give a charge up, as the cashier may while the payer types; money seen afterwards goes back by itself."""
        charge = await self._upstream.load(charge_id)
        return await self._begin_reverse(charge, self._codes(charge)) if charge.state in _OPEN else charge

    # --- making ----------------------------------------------------------------------------------------------------

    async def _take(self, tx: Tx, ask: CodeAsk, pace: CodePace) -> str | Refusal:
        """Commit the intent, without the code, before anything is sent; return the charge's id."""
        now = self._clock.now()
        order = await locks.order(tx, ask.order_id)
        if order is None:
            return Refusal("order_unknown")
        made = await tx.row(_COUNT, ask.order_id)
        assert made is not None
        if ask.once and made["made"]:
            return Refusal("charge_made")
        unpayable = await self._unpayable(tx, order, made["made"], now)
        if unpayable:
            return Refusal(unpayable)
        charge_id = new_id("chg", now)
        rules = await plan.rules(tx, self._gateways.get(ask.gateway), order)
        request = replace(self._request(ask, order, now), share=bool(rules))
        await tx.execute(
            _INSERT,
            charge_id,
            ask.order_id,
            ask.gateway,
            ask.account,
            request.out_trade_no,
            request.amount,
            request.currency,
            requests.seal_request(self._vault, request),
            order["trace_id"],
            to_micros(now),
            order["expires_at"],
            to_micros(now + timedelta(seconds=pace.ask_every)),
        )
        await plan.keep(tx, charge_id, request, ask.gateway, order, rules, now)
        return charge_id

    async def _unpayable(self, tx: Tx, order: Row, made: int, now: datetime) -> str:
        if order["state"] != "created":
            return "already_paid" if order["state"] == "paid" else "order_closed"
        if order["expires_at"] <= to_micros(now + timedelta(seconds=CHARGE_SECONDS_MIN)):
            return "order_expired"
        if await tx.row(_ANY, order["id"]) is not None:
            return "charge_in_flight"
        return "charge_limit" if made >= self._policy.charges_per_order_max else ""

    def _request(self, ask: CodeAsk, order: Row, now: datetime) -> NewCharge:
        return NewCharge(
            out_trade_no=new_out_number("P", now),
            account=ask.account,
            way=Way.CODE,
            amount=order["amount"],
            currency=order["currency"],
            description=order["title"][:_BODY_MAX],
            expires_at=from_micros(order["expires_at"]),
            created_at=now,
            notify_url=self._gateways.notify_url(ask.gateway, ask.account),
            payer_ip=ask.payer_ip,
            store=ask.store,
            device=ask.device,
        )

    # --- asking ----------------------------------------------------------------------------------------------------

    async def _ask(self, charge: Charge, codes: Codes) -> Charge:
        fact = await self._gateways.get(charge.gateway).query(requests.reference(self._vault, charge))
        self._gateways.saw(charge.gateway, charge.gateway_account, "query", fact)
        if isinstance(fact, Paid):
            await self._upstream.take_paid(charge, fact.fact)
            return await self._upstream.load(charge.id)
        match after_query(fact, patient=self._age(charge) < codes.pace.ask_for):
            case Step.FAIL:
                await self._fail(charge, fact.code if isinstance(fact, Declined) else "declined")
            case Step.END:
                await self._end(await self._give_up(charge), fact)
            case Step.REVERSE:
                return await self._begin_reverse(charge, codes)
            case Step.LATER:
                await self._ask_at(charge, self._clock.now() + timedelta(seconds=codes.pace.ask_every))
        return await self._upstream.load(charge.id)

    async def _wait(self, charge: Charge, answer: Waiting | Unknown, pace: CodePace) -> None:
        now = self._clock.now()
        ask = to_micros(now + timedelta(seconds=pace.ask_every))

        async def record(tx: Tx) -> None:
            if isinstance(answer, Waiting):
                await _WAITING(tx, charge.id, to_micros(now), ask)
            else:
                await _UNKNOWN(tx, charge.id, to_micros(now), ask, f"no_answer:{answer.reason[:80]}")
            tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _fail(self, charge: Charge, code: str) -> None:
        now = to_micros(self._clock.now())

        async def record(tx: Tx) -> None:
            if await _FAILED(tx, charge.id, now, code):
                await closing.finish(tx, charge.order_id, now)
                tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    # --- reversing -------------------------------------------------------------------------------------------------

    async def _begin_reverse(self, charge: Charge, codes: Codes) -> Charge:
        """Commit that it is to be undone; do so at once where the vendor's pause is over."""
        charge = await self._give_up(charge, self._reversible_at(charge, codes))
        due = self._reversible_at(charge, codes) <= self._clock.now()
        return await self._reverse(charge, codes) if due and charge.state == "reversing" else charge

    async def _give_up(self, charge: Charge, at: datetime | None = None) -> Charge:
        now = self._clock.now()

        async def record(tx: Tx) -> None:
            await _REVERSING(tx, charge.id, to_micros(now), to_micros(at or now))
            tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)
        return await self._upstream.load(charge.id)

    async def _reverse(self, charge: Charge, codes: Codes) -> Charge:
        """Undo a charge whose giving up is committed, again and again until it is certain what became of it.

        What the gateway refuses for good to undo, and says to be paid, goes back by a refund.
        """
        if self._reversible_at(charge, codes) > self._clock.now():
            await self._ask_at(charge, self._reversible_at(charge, codes))
            return charge
        reference = requests.reference(self._vault, charge)
        fact = await codes.reverse(reference)
        # "No such number" about what was paid is no end: another answer must follow.
        late = self._age(charge) > MISSING_SECONDS and charge.failure != PAID_SEEN
        refused = after_reverse(fact, late=late) is Step.FAIL
        if refused:
            fact = await self._gateways.get(charge.gateway).query(reference)
        if isinstance(fact, Paid):
            await self._upstream.take_paid(charge, fact.fact, kept=refused)
            if not refused:
                await self._reverse_later(charge)
        elif after_reverse(fact, late=late) in (Step.END, Step.FAIL):
            await self._end(charge, fact)
        else:
            await self._reverse_later(charge)
        return await self._upstream.load(charge.id)

    async def _end(self, charge: Charge, fact: ChargeFact) -> None:
        """Record that the charge is unpaid for good; what was paid and went back went back by our own wish."""
        now = to_micros(self._clock.now())

        reversed_ = _NEVER_PAID if isinstance(fact, Missing) else _REVERSED

        async def record(tx: Tx) -> None:
            if await reversed_(tx, charge.id, now) or await _CLOSED(tx, charge.id, now):
                await closing.finish(tx, charge.order_id, now)
                tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _reverse_later(self, charge: Charge) -> None:
        moment = self._clock.now()
        await self._ask_at(charge, moment + timedelta(seconds=pause(REVERSE_PAUSES, charge.queries)))
        if charge.queries + 1 == len(REVERSE_PAUSES):
            facts = {"out_trade_no": charge.out_trade_no, "gateway": charge.gateway, "state": charge.state}
            case = work.case("charge_stuck", charge.id, charge.order_id, facts, charge.trace_id)
            await self._database.effect(lambda tx: enqueue(tx, [case], moment))

    async def _ask_at(self, charge: Charge, moment: datetime) -> None:
        await self._database.effect(lambda tx: tx.execute(_ASK_LATER, charge.id, to_micros(moment)))

    def _age(self, charge: Charge) -> float:
        return (self._clock.now() - charge.created_at).total_seconds()

    def _reversible_at(self, charge: Charge, codes: Codes) -> datetime:
        return charge.created_at + timedelta(seconds=codes.pace.reverse_after)

    def _codes(self, charge: Charge) -> Codes:
        codes = self._gateways.get(charge.gateway).codes
        if codes is None:
            raise Misconfigured("way_unsupported", f"let the gateway {charge.gateway} take scanned codes again")
        return codes
