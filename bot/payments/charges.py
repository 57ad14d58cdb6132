"""Opens the charge of an order at the cashier: one at a time, the same one for a payer who comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.billers.port import Refusal
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.ids import new_id, new_out_number
from bot.ledger import accounts
from bot.payments import locks, requests, values
from bot.payments.facts import ASKED_FOR, Created, NewCharge, PayerId, Way
from bot.payments.policy import Policy, query_pause
from bot.payments.registry import Gateways
from bot.payments.routing import SWITCHING
from bot.payments.sharing import plan
from bot.payments.states import CHARGE, LIVE, quoted
from bot.payments.upstream import Upstream
from bot.payments.values import Charge
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

PAYER: Final = "charges.payer_hash"
# Closing a first charge and then making the second is two rounds; a third allows for one race.
_ROUNDS_MAX: Final = 4
# One immediate repetition of a create without an answer, while the payer looks at the page.
_CREATES_MAX: Final = 2
RETRY_SECONDS: Final = 2.0
_BODY_MAX: Final = 120

_STOP: Final = CHARGE.move("created", "pending", "unknown", to="closing", sets="queries = 0, next_query_at = $2")
_LIVE: Final = f"""
SELECT * FROM charges WHERE order_id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.
_NATIVE: Final = "SELECT * FROM charges WHERE order_id = $1 AND way = 'native' AND state = 'pending'"
_COUNT: Final = "SELECT COUNT(*) AS made FROM charges WHERE order_id = $1"
_CLAIMED: Final = """
SELECT 1 AS taken FROM order_lines l JOIN paid_claims p ON p.claim = l.claim WHERE l.order_id = $1 LIMIT 1
"""
_INSERT: Final = """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state, request_sealed,
  payer_hash, discounts, trace_id, created_at, expires_at, next_query_at, queries, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'created', $9, $10, '{}', $11, $12, $13, $14, 0, $12)
"""


@dataclass(frozen=True, slots=True)
class ChargeAsk:
    """Who wants to pay an order, where and how. ``payer`` is None where a way needs none (a code to scan)."""

    order_id: str
    gateway: str
    account: str
    way: Way
    payer: PayerId | None = None
    payer_ip: str | None = None
    return_url: str | None = None
    app: str = ""  # What opened the page, as the wallet names it.


@dataclass(frozen=True, slots=True)
class Ready:
    """The charge can be paid now with ``handover``: bridge parameters, a URL or the content of a code."""

    charge_id: str
    out_trade_no: str
    way: Way
    handover: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Confirming:
    """The gateway has not answered, or an earlier charge is still being closed; open again in so many seconds."""

    retry_after: float
    charge_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """Nothing is left to pay."""

    order_id: str


Opened = Ready | Confirming | AlreadyPaid | Refusal


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a transaction found or made: a charge to go on with, or one that has to be closed first."""

    charge: Charge
    close_first: bool = False
    fresh: bool = False  # Made by this very turn, so nothing was sent for it before.


class Charges:
    """Opens charges and finds them again."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, gateways: Gateways, upstream: Upstream, policy: Policy
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._upstream = upstream
        self._policy = policy

    async def open(self, ask: ChargeAsk) -> Opened:
        """Return a charge that this payer can pay now.

        The same payer with the same wallet and way gets the live charge again; another one has the first charge
        closed upstream before a new one is made. Refusals: ``payer_snapshot``, ``way_unsupported``, ``order_unknown``,
        ``order_closed``, ``order_expired``, ``already_paid`` (the bill, by another order), ``charge_limit``,
        ``declined`` (with the gateway's ``code`` in our words). Raises BadRequest(``account_path``) for an account
        whose name the ledger does not take.
        """
        opened, _ = await self._open(ask)
        return opened

    async def open_first(self, asks: Sequence[ChargeAsk]) -> Opened:
        """Open a charge at the first place that takes it; ``asks`` name the places of one payer in order.

        The next place is asked only after an explicit refusal that is the place's own fault (``routing.SWITCHING``)
        of a charge whose every call was answered. After a missing answer nobody knows whether that charge exists, so
        it stays the live one until it is asked about or closed upstream. Answers as ``open`` does; ``no_way`` where
        there is no place at all.
        """
        opened: Opened = Refusal("no_way")
        for ask in asks:
            opened, elsewhere = await self._open(ask)
            if not elsewhere:
                break
        return opened

    async def _open(self, ask: ChargeAsk) -> tuple[Opened, bool]:
        """Do as ``open`` says; the second value tells that another place may be asked for the same order."""
        # A name that the books cannot carry must show before money is asked for, not when it comes.
        accounts.clearing(ask.gateway, ask.account)
        refusal = self._unfit(ask)
        if refusal is not None:
            return refusal, False
        payer = self.payer_hash(ask.payer)
        for _ in range(_ROUNDS_MAX):
            turn = await self._database.effect(lambda tx: self._take(tx, ask, payer))
            if not isinstance(turn, _Turn):
                return turn, False
            if not turn.close_first:
                return await self._go_on(turn)
            if turn.charge.way in ASKED_FOR or turn.charge.state == "reversing":
                return Confirming(RETRY_SECONDS, turn.charge.id), False
            closed = await self._upstream.close(turn.charge)
            if closed.state == "paid":
                continue
            if closed.state in LIVE:
                return Confirming(RETRY_SECONDS, closed.id), False
        return Confirming(RETRY_SECONDS), False

    async def native(self, order_id: str, wallet: str) -> str | None:
        """Return what a wallet's own code of this order says (code_url, qr_code); None unless such a charge waits."""
        row = await self._database.row(_NATIVE, order_id)
        charge = values.charge(row) if row is not None else None
        if charge is None or not self._gateways.serves(charge.gateway, wallet):
            return None
        return next(iter((requests.open_handover(self._vault, charge) or {}).values()), None)

    def payer_hash(self, payer: PayerId | None) -> str | None:
        """Return the blind name under which a charge remembers its payer."""
        if payer is None:
            return None
        return self._vault.blind(f"{payer.wallet}\x1f{payer.app_id}\x1f{payer.subject}", PAYER)

    def _unfit(self, ask: ChargeAsk) -> Refusal | None:
        if ask.payer is not None and ask.payer.snapshot:
            return Refusal("payer_snapshot")
        if ask.way not in self._gateways.get(ask.gateway).can:
            return Refusal("way_unsupported")
        return None

    async def _go_on(self, turn: _Turn) -> tuple[Opened, bool]:
        """Bring a charge to the point where it can be paid; bounded. Tells besides whether it was plainly refused."""
        charge, answered = turn.charge, turn.fresh
        for _ in range(_CREATES_MAX):
            if charge.state in ("created", "unknown"):
                charge = await self._upstream.create(charge)
                answered = answered and charge.state != "unknown"
        elsewhere = answered and charge.state == "failed" and charge.failure in SWITCHING
        return await self._opened(charge, again=turn.charge.state == "pending"), elsewhere

    async def _opened(self, charge: Charge, *, again: bool) -> Opened:
        handover = requests.open_handover(self._vault, charge)
        if charge.state == "pending" and handover is not None:
            handover = await self._usable_now(charge, handover, again=again)
            return Ready(charge.id, charge.out_trade_no, charge.way, handover, charge.expires_at)
        if charge.state == "paid":
            return AlreadyPaid(charge.order_id)
        if charge.state == "failed":
            return Refusal("declined", {"code": charge.failure or ""})
        if charge.state == "closed":
            return Refusal("order_closed")
        return Confirming(RETRY_SECONDS, charge.id)

    async def _usable_now(self, charge: Charge, handover: Mapping[str, str], *, again: bool) -> Mapping[str, str]:
        """Return a handover that a page can use now; ``again``: it was given out before.

        Bridge parameters carry a time and are signed anew. A page for browsers lives for minutes only (five, WeChat's
        h5_url), and the identical create names a fresh one; where that brings none the old one may still do.
        """
        gateway = self._gateways.get(charge.gateway)
        if again and charge.way is Way.H5:
            answer = await gateway.create(requests.open_request(self._vault, charge))
            self._gateways.saw(charge.gateway, charge.gateway_account, "create", answer)
            if isinstance(answer, Created):
                return answer.handover
        return gateway.renew(requests.reference(self._vault, charge), handover)

    async def _take(self, tx: Tx, ask: ChargeAsk, payer: str | None) -> _Turn | AlreadyPaid | Refusal:
        now = self._clock.now()
        order = await locks.order(tx, ask.order_id)
        unpayable = self._unpayable(order, now)
        if order is None or unpayable is not None:
            return unpayable or Refusal("order_unknown")
        row = await tx.row(_LIVE, ask.order_id)
        if row is not None:
            return await self._live(tx, values.charge(row), ask, payer, now)
        if await tx.row(_CLAIMED, ask.order_id) is not None:
            return Refusal("already_paid")
        made = await tx.row(_COUNT, ask.order_id)
        if made is None or made["made"] >= self._policy.charges_per_order_max:
            return Refusal("charge_limit", {"maximum": self._policy.charges_per_order_max})
        return _Turn(await self._insert(tx, ask, order, payer, now), fresh=True)

    def _unpayable(self, order: Row | None, now: datetime) -> AlreadyPaid | Refusal | None:
        if order is None:
            return Refusal("order_unknown")
        if order["state"] == "paid":
            return AlreadyPaid(order["id"])
        if order["state"] != "created":
            return Refusal("order_closed")
        if order["expires_at"] <= to_micros(now + timedelta(seconds=self._policy.charge_seconds_min)):
            return Refusal("order_expired")
        return None

    async def _live(self, tx: Tx, charge: Charge, ask: ChargeAsk, payer: str | None, now: datetime) -> _Turn:
        asked = (ask.gateway, ask.account, ask.way, payer)
        same = (charge.gateway, charge.gateway_account, charge.way, charge.payer_hash) == asked
        if same and charge.state in ("created", "pending", "unknown"):
            return _Turn(charge)
        if charge.way in ASKED_FOR:
            # Somebody's code is being paid right now; whoever scanned it ends that, and nobody here.
            return _Turn(charge, close_first=True)
        # Committed before the upstream call; a second payer who comes meanwhile finds it closing and waits likewise.
        await _STOP(tx, charge.id, to_micros(now))
        closing = charge if charge.state in ("closing", "reversing") else replace(charge, state="closing", queries=0)
        return _Turn(closing, close_first=True)

    async def _insert(self, tx: Tx, ask: ChargeAsk, order: Row, payer: str | None, now: datetime) -> Charge:
        """Commit the intent, with the exact request, before anything is sent."""
        charge_id = new_id("chg", now)
        rules = await plan.rules(tx, self._gateways.get(ask.gateway), order)
        request = replace(self._request(ask, order, now), share=bool(rules))
        sealed = requests.seal_request(self._vault, request)
        await tx.execute(
            _INSERT,
            charge_id,
            ask.order_id,
            ask.gateway,
            ask.account,
            str(ask.way),
            request.out_trade_no,
            request.amount,
            request.currency,
            sealed,
            payer,
            order["trace_id"],
            to_micros(now),
            order["expires_at"],
            to_micros(now + timedelta(seconds=query_pause(0))),
        )
        await plan.keep(tx, charge_id, request, ask.gateway, order, rules, now)
        row = await tx.row(_LIVE, ask.order_id)
        assert row is not None
        return values.charge(row)

    def _request(self, ask: ChargeAsk, order: Row, now: datetime) -> NewCharge:
        payer = ask.payer
        return NewCharge(
            out_trade_no=new_out_number("P", now),
            account=ask.account,
            way=ask.way,
            amount=order["amount"],
            currency=order["currency"],
            description=order["title"][:_BODY_MAX],
            expires_at=from_micros(order["expires_at"]),
            created_at=now,
            notify_url=self._gateways.notify_url(ask.gateway, ask.account),
            payer_id=payer.subject if payer else None,
            payer_app=payer.app_id if payer else None,
            payer_ip=ask.payer_ip,
            return_url=ask.return_url,
            app=ask.app,
        )
