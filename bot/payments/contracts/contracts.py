"""Signs contracts for deduction, learns from the vendor how they stand, and ends them at anybody's word.

Intent is committed before each call and the answer recorded after it; who ends a contract stops its deductions in
that very commit, whatever the vendor answers afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.billers.port import Refusal
from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Misconfigured, NotFound
from bot.kernel.ids import new_id, new_out_number
from bot.payments import work
from bot.payments.contracts import rows
from bot.payments.contracts.port import Later, Plan, SignAsk, Signing, View
from bot.payments.contracts.rows import Contract
from bot.payments.contracts.states import ALIVE
from bot.payments.credit_item import Credited, Outcome
from bot.payments.facts import ContractFact, ContractState, Created, Declined, Missing, Notice, Unknown
from bot.payments.faculties import Contracts as Faculty
from bot.payments.faculties import NewContract
from bot.payments.policy import pause
from bot.payments.registry import Gateways
from bot.payments.states import quoted
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail import audit

ACCOUNT: Final = "contracts.account_hash"
VIEWS_MAX: Final = 20
# How long a customer may take to sign before nothing more is expected of it.
SIGN_WITHIN: Final = timedelta(days=1)
# While somebody signs, then for as long as an ending has no answer; the last repeats.
_PAUSES: Final = (5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0)
# The vendor is asked once a day whether a contract still stands: a notice of its end may be lost.
_DAILY: Final = timedelta(days=1)

_MERCHANT: Final = "SELECT merchant_id FROM bill_items WHERE id = $1 AND state = 'active'"
_ALIVE: Final = f"""
SELECT * FROM contracts WHERE customer_id = $1 AND item_id = $2 AND account_hash = $3 AND state IN ({quoted(ALIVE)})
"""  # noqa: S608 - The names of our own states.
_INSERT: Final = """
INSERT INTO contracts (id, out_contract_no, gateway, gateway_account, plan, merchant_id, item_id, customer_id, origin,
  channel, account, account_hash, account_mask, maximum, period_days, notice_days, state, request_sealed,
  next_query_at, trace_id, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'created', $17, $18, $19, $20, $20)
ON CONFLICT DO NOTHING
"""
_INBOX: Final = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)
ON CONFLICT (gateway, account, notice_id) DO NOTHING
"""


class Contracts:
    """Carries contracts from the offer to their end."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, gateways: Gateways, plans: Sequence[Plan]
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._plans = tuple(plans)

    async def offer(self, item_id: str) -> Sequence[Plan]:
        """Return what can be offered for an item; a plan for the item itself goes before its merchant's."""
        row = await self._database.row(_MERCHANT, item_id)
        if row is None:
            return ()
        found: dict[str, Plan] = {}
        for plan in sorted(self._plans, key=lambda plan: plan.item_id == ""):
            fits = plan.merchant_id == row["merchant_id"] and plan.item_id in ("", item_id)
            contracts = self._gateways.get(plan.gateway).contracts if fits else None
            if contracts is not None:
                # A vendor that wants to be told earlier than the operator would refuse every announcement.
                days = max(plan.notice_days, contracts.notice_days)
                found.setdefault(plan.gateway, replace(plan, notice_days=days))
        return tuple(found.values())

    async def sign(self, ask: SignAsk) -> Signing | Later | Refusal:
        """Begin a contract, or go on with the one that is being signed; see ``port.Autopay``."""
        plan = next((each for each in await self.offer(ask.item_id) if each.gateway == ask.gateway), None)
        if plan is None:
            return Refusal("autopay_unsupported")
        if ask.maximum is not None and not 0 < ask.maximum <= plan.maximum:
            return Refusal("over_limit", {"maximum": plan.maximum})
        now = self._clock.now()
        contract = await self._database.effect(lambda tx: self._begin(tx, ask, plan, now))
        if contract.state in ("active", "ending") or contract.gateway != ask.gateway:
            return Refusal("autopay_signed", {"contract_id": contract.id})
        if contract.state == "created":
            contract = await self._sign(contract)
        return self._handed(contract)

    def _handed(self, contract: Contract) -> Signing | Later | Refusal:
        if contract.state == "signing" and contract.handover_sealed is not None:
            return Signing(contract.id, rows.open_handover(self._vault, contract.handover_sealed))
        if contract.state == "failed":
            return Refusal("declined", {"code": contract.failure or ""})
        if contract.state in ("active", "ending"):
            return Refusal("autopay_signed", {"contract_id": contract.id})
        return Later(contract.id)

    async def _begin(self, tx: Tx, ask: SignAsk, plan: Plan, now: datetime) -> Contract:
        """Commit the intent with the exact request; a twin of this very request gets the contract there is."""
        name = self._vault.blind(f"{ask.item_id}\x1f{ask.account}", ACCOUNT)
        standing = await tx.row(_ALIVE, ask.customer_id, ask.item_id, name)
        if standing is not None:
            return rows.of_row(standing)
        request = NewContract(
            out_contract_no=new_out_number("C", now),
            account=plan.account,
            plan=plan.plan,
            shown=plan.shown,
            maximum=ask.maximum or plan.maximum,
            period_days=plan.period_days,
            created_at=now,
            notify_url=self._gateways.notify_url(plan.gateway, plan.account),
            return_url=ask.return_url,
            payer_id=ask.payer_id,
            payer_app=ask.payer_app,
        )
        contract_id, at = new_id("ctr", now), to_micros(now)
        await tx.execute(
            _INSERT,
            contract_id,
            request.out_contract_no,
            plan.gateway,
            plan.account,
            plan.plan,
            plan.merchant_id,
            ask.item_id,
            ask.customer_id,
            ask.origin,
            ask.channel,
            ask.told_at,
            name,
            ask.account_mask,
            request.maximum,
            plan.period_days,
            plan.notice_days,
            rows.seal_request(self._vault, request),
            at + int(_PAUSES[0] * 1_000_000),
            ask.trace_id,
            at,
        )
        row = await tx.row(_ALIVE, ask.customer_id, ask.item_id, name)
        assert row is not None
        made = rows.of_row(row)
        if made.id == contract_id:
            await _audited(tx, made, f"customer:{ask.customer_id}", "contract.asked", now)
        return made

    async def _sign(self, contract: Contract) -> Contract:
        """Send the committed request; the same one however often."""
        request = rows.open_request(self._vault, contract.request_sealed)
        answer = await self._faculty(contract).sign(request)
        now = self._clock.now()

        async def record(tx: Tx) -> Contract:
            match answer:
                case Created():
                    sealed = rows.seal_handover(self._vault, answer.handover)
                    again = to_micros(now + timedelta(seconds=_PAUSES[1]))
                    await rows.SIGNING(tx, contract.id, to_micros(now), sealed, again)
                case Declined():
                    await rows.FAILED(tx, contract.id, to_micros(now), answer.code)
                case Unknown():
                    await rows.ask_later(tx, contract.id, now + timedelta(seconds=pause(_PAUSES, contract.queries)))
            return await _surely(tx, contract.id)

        return await self._database.effect(record)

    # --- what the vendor says ----------------------------------------------------------------------------------------

    async def of_notice(self, gateway: str, notice: Notice, fact: ContractFact, trace_id: str) -> Credited:
        """Bring a verified notice about a contract into the books, once; what is not ours, or not so, is a case."""
        now = self._clock.now()

        async def take(tx: Tx) -> Credited:
            contract = await rows.by_number(tx, fact.out_contract_no)
            trace = contract.trace_id if contract is not None else trace_id
            stored = (gateway, notice.account, notice.id, notice.kind, notice.body_digest, str(Outcome.RECORDED), trace)
            if not await tx.execute(_INBOX, *stored, to_micros(now)):
                return Credited(Outcome.RECORDED, repeated=True)
            if contract is None or not _about(contract, gateway, notice.account, fact):
                facts = {"out_contract_no": fact.out_contract_no, "gateway": gateway, "account": notice.account}
                subject = contract.id if contract is not None else fact.out_contract_no
                await enqueue(tx, [work.case("contract_foreign", notice.id, subject, facts, trace)], now)
                return Credited(Outcome.RECORDED)
            await self._apply(tx, contract, fact, now)
            return Credited(Outcome.RECORDED)

        return await self._database.effect(take)

    async def ask(self, contract_id: str) -> str:
        """Ask how a contract stands and take the step that is due; return its state. Raises NotFound."""
        contract = await rows.contract(self._database, contract_id)
        if contract is None:
            raise NotFound("contract_unknown")
        if contract.state == "created":
            contract = await self._sign(contract)
        if contract.state not in ALIVE:
            return contract.state
        answer = await self._faculty(contract).contract_query(contract.ref)
        state = await self._heard(contract, answer)
        return await self._terminate(contract.id) if state == "ending" else state

    async def _heard(self, contract: Contract, answer: ContractFact | Missing | Unknown) -> str:
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            standing = await _surely(tx, contract.id)
            if isinstance(answer, ContractFact) and _about(standing, standing.gateway, standing.account, answer):
                await self._apply(tx, standing, answer, now)
            elif isinstance(answer, Missing):
                await self._missing(tx, standing, now)
            await rows.ask_later(tx, contract.id, self._next(standing, now))
            return (await _surely(tx, contract.id)).state

        return await self._database.effect(record)

    def _next(self, contract: Contract, now: datetime) -> datetime:
        pausing = timedelta(seconds=pause(_PAUSES, contract.queries))
        return now + (_DAILY if contract.state == "active" else pausing)

    async def _missing(self, tx: Tx, contract: Contract, now: datetime) -> None:
        """The vendor knows no such contract: never signed, or, as some forget what has ended, over."""
        if contract.state in ("active", "ending"):
            await self._end(tx, contract, "vendor", now)
        elif now - contract.created_at > SIGN_WITHIN:
            await rows.LAPSED(tx, contract.id, to_micros(now))

    async def _apply(self, tx: Tx, contract: Contract, fact: ContractFact, now: datetime) -> None:
        """Move a contract as a verified fact says; an older word than the end that we know changes nothing."""
        if fact.state is ContractState.ENDED:
            await self._end(tx, contract, fact.ended_by or "vendor", now)
        elif fact.state is ContractState.ACTIVE and contract.state in ("created", "signing", "lapsed"):
            await self._signed(tx, contract, fact, now)
        elif fact.state is ContractState.ACTIVE and contract.state == "ended":
            newer = fact.at is None or contract.ended_at is None or fact.at > contract.ended_at
            if newer:
                await _case(tx, "contract_contradiction", contract, {"told": str(fact.state)}, now)
        elif fact.state is ContractState.SIGNING and now - contract.created_at > SIGN_WITHIN:
            await rows.LAPSED(tx, contract.id, to_micros(now))

    async def _signed(self, tx: Tx, contract: Contract, fact: ContractFact, now: datetime) -> None:
        other = await tx.row(_ALIVE, contract.customer_id, contract.item_id, contract.account_hash)
        if other is not None and other["id"] != contract.id:
            # Signed twice: the one that we know is enough, and a person ends the other.
            await _case(tx, "contract_twice", contract, {"other": other["id"]}, now)
            return
        at, signed = to_micros(now), to_micros(fact.at or now)
        if await rows.ACTIVE(tx, contract.id, at, fact.contract_id, signed, to_micros(now + _DAILY)):
            await _audited(tx, contract, f"customer:{contract.customer_id}", "contract.signed", now)

    async def _end(self, tx: Tx, contract: Contract, by: str, now: datetime) -> None:
        if await rows.ENDED(tx, contract.id, to_micros(now), by, to_micros(now)):
            await rows.CANCELLED_ALL(tx, contract.id, to_micros(now), "contract_ended")
            await _audited(tx, contract, contract.ended_by or by, "contract.ended", now)

    # --- ending it ---------------------------------------------------------------------------------------------------

    async def revoke(self, customer_id: str, contract_id: str) -> str:
        """End a contract by its customer's word; see ``port.Autopay``. Raises NotFound(``contract_unknown``)."""
        contract = await rows.contract(self._database, contract_id)
        if contract is None or contract.customer_id != customer_id:
            raise NotFound("contract_unknown")
        return await self._stop(contract_id, "payer", f"customer:{customer_id}")

    async def end(self, contract_id: str, actor: str) -> str:
        """End a contract from the merchant's side. Raises NotFound(``contract_unknown``)."""
        return await self._stop(contract_id, "merchant", actor)

    async def _stop(self, contract_id: str, by: str, actor: str) -> str:
        now = self._clock.now()

        async def stop(tx: Tx) -> str:
            contract = await rows.locked(tx, contract_id)
            if contract is None:
                raise NotFound("contract_unknown")
            if await rows.ENDING(tx, contract_id, to_micros(now), by):
                await rows.CANCELLED_ALL(tx, contract_id, to_micros(now), "contract_ended")
                await _audited(tx, contract, actor, "contract.revoked", now)
            return (await _surely(tx, contract_id)).state

        state = await self._database.effect(stop)
        return await self._terminate(contract_id) if state == "ending" else state

    async def _terminate(self, contract_id: str) -> str:
        contract = await rows.contract(self._database, contract_id)
        assert contract is not None
        answer = await self._faculty(contract).terminate(contract.ref, "revoked")
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            standing = await _surely(tx, contract_id)
            ended = isinstance(answer, ContractFact) and answer.state is ContractState.ENDED
            if ended:
                await self._end(tx, standing, standing.ended_by or "merchant", now)
            elif isinstance(answer, Declined):
                await _case(tx, "contract_not_ended", standing, {"why": answer.code}, now)
            if not ended:
                await rows.ask_later(tx, contract_id, self._next(standing, now))
            return (await _surely(tx, contract_id)).state

        return await self._database.effect(record)

    async def state(self, customer_id: str) -> Sequence[View]:
        """Return a customer's contracts, newest first."""
        return [_view(each) for each in await rows.of_customer(self._database, customer_id, VIEWS_MAX)]

    async def get(self, contract_id: str) -> Contract:
        """Return a contract as it stands; raises NotFound(``contract_unknown``)."""
        found = await rows.contract(self._database, contract_id)
        if found is None:
            raise NotFound("contract_unknown")
        return found

    def _faculty(self, contract: Contract) -> Faculty:
        return faculty(self._gateways, contract)


def faculty(gateways: Gateways, contract: Contract) -> Faculty:
    """Return what a contract's gateway can do; raises Misconfigured where it has lost it."""
    found = gateways.get(contract.gateway).contracts
    if found is None:
        raise Misconfigured("way_unsupported", f"let the gateway {contract.gateway} deduct again")
    return found


def _about(contract: Contract, gateway: str, account: str, fact: ContractFact) -> bool:
    """Tell whether a fact can be about a contract: its place, its number, its plan and, once known, its vendor's id."""
    place = (contract.gateway, contract.account) == (gateway, account)
    plan = fact.plan in ("", contract.plan)
    same = contract.contract_id is None or fact.contract_id in ("", contract.contract_id)
    return place and plan and same and fact.out_contract_no == contract.out_contract_no


async def _surely(tx: Tx, contract_id: str) -> Contract:
    contract = await rows.locked(tx, contract_id)
    if contract is None:
        raise NotFound("contract_unknown")
    return contract


def _view(contract: Contract) -> View:
    return View(
        contract_id=contract.id,
        item_id=contract.item_id,
        account_mask=contract.account_mask,
        gateway=contract.gateway,
        maximum=contract.maximum,
        period_days=contract.period_days,
        notice_days=contract.notice_days,
        state=contract.state,
        signed_at=contract.signed_at,
        ended_by=contract.ended_by,
    )


async def _audited(tx: Tx, contract: Contract, actor: str, action: str, now: datetime) -> None:
    detail = {"item_id": contract.item_id, "maximum": contract.maximum, "gateway": contract.gateway}
    await audit.record(
        tx, actor=actor, action=action, subject=contract.id, detail=detail, trace_id=contract.trace_id, now=now
    )


async def _case(tx: Tx, kind: str, contract: Contract, more: Mapping[str, str | int], now: datetime) -> None:
    facts = {"out_contract_no": contract.out_contract_no, "gateway": contract.gateway, **more}
    await enqueue(tx, [work.case(kind, contract.id, contract.customer_id, facts, contract.trace_id)], now)
