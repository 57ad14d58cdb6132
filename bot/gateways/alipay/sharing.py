"""分账: receivers bound, a paid trade's money split and what is left given free, as order.settle does it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Silent, Told
from bot.gateways.alipay.errors import Call, Verdict, declined, verdict_of
from bot.gateways.alipay.mapping import Json, Malformed, fen, moment, text, word
from bot.gateways.alipay.merchants import Merchants
from bot.kernel.money import format_yuan
from bot.payments.facts import Created, Declined, Missing, Unknown
from bot.payments.faculties import (
    NewShare,
    NewShareReturn,
    PartState,
    Receiver,
    ShareFact,
    SharePart,
    ShareRef,
    ShareReturnFact,
)

BIND: Final = "alipay.trade.royalty.relation.bind"
SETTLE: Final = "alipay.trade.order.settle"
SETTLE_QUERY: Final = "alipay.trade.order.settle.query"
QUERY: Final = "alipay.trade.query"
_TRANSFER: Final = "transfer"
PART_STATES: Final[Mapping[str, PartState]] = {
    "PROCESSING": PartState.PENDING,
    "SUCCESS": PartState.SUCCEEDED,
    "FAIL": PartState.FAILED,
}
_DESCRIPTION_MAX: Final = 200


class AlipaySharing:
    """See ``payments.faculties.Sharing``. Splits are asked for asynchronously, and the query tells each part."""

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    async def add_receiver(self, account: str, receiver: Receiver) -> Created | Declined | Unknown:
        """Bind a receiver. Its request number comes from the receiver, so that a repetition is the same one."""
        merchant = self._merchants.of(account)
        entry = {"type": _type(receiver), "account": receiver.number}
        if receiver.name:
            entry["name"] = receiver.name.reveal()
        if receiver.relation:
            entry["memo"] = receiver.relation
        content = {"receiver_list": [entry], "out_request_no": f"bind{merchant.account.app_id}{receiver.number}"[:64]}
        reply = await merchant.client.call(BIND, content)
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if reply.good:
            bound = reply.data.get("result_code") == "SUCCESS"
            return Created({"result": "SUCCESS"}) if bound else Unknown("result_code")
        return _not_made(reply)

    async def share(self, share: NewShare) -> ShareFact | Declined | Unknown:
        merchant = self._merchants.of(share.account)
        ref = ShareRef(share.out_order_no, share.out_trade_no, share.transaction_id, share.account)
        parts = [_part(part, merchant.account) for part in share.parts]
        return await self._settle(ref, parts, finish=share.finish, planned=share.parts)

    async def share_query(self, share: ShareRef) -> ShareFact | Missing | Unknown:
        found = await self._query(share)
        return found if isinstance(found, ShareFact | Missing) else Unknown(found.reason)

    async def take_back(self, back: NewShareReturn) -> ShareReturnFact | Declined | Unknown:
        """Move a share from its receiver to the merchant by a split in the other direction."""
        merchant = self._merchants.of(back.account)
        entry = {
            "royalty_type": _TRANSFER,
            "trans_out_type": _type(back.receiver),
            "trans_out": back.receiver.number,
            "trans_in_type": "userId",
            "trans_in": merchant.account.seller_id,
            "amount": format_yuan(back.amount),
            "desc": (back.description or "退分账")[:_DESCRIPTION_MAX],
        }
        ref = ShareRef(back.out_return_no, back.out_trade_no, "", back.account)
        fact = await self._settle(ref, [entry], finish=False, planned=())
        return fact if isinstance(fact, Declined | Unknown) else _returned(fact, back)

    async def take_back_query(self, back: NewShareReturn) -> ShareReturnFact | Missing | Unknown:
        fact = await self._query(ShareRef(back.out_return_no, back.out_trade_no, "", back.account))
        return _returned(fact, back) if isinstance(fact, ShareFact) else fact

    async def unfreeze(self, share: ShareRef, description: str) -> ShareFact | Declined | Unknown:
        return await self._settle(share, [], finish=True, planned=())

    async def _settle(
        self, ref: ShareRef, parts: list[dict[str, str]], *, finish: bool, planned: tuple[SharePart, ...]
    ) -> ShareFact | Declined | Unknown:
        """Ask for a split. A refusal is believed only where the query knows no such split of an earlier sending."""
        merchant = self._merchants.of(ref.account)
        trade_no = ref.transaction_id or await self._trade_no(ref)
        if not trade_no:
            return Unknown("trade_no")
        ref = replace(ref, transaction_id=trade_no)
        content: dict[str, object] = {"out_request_no": ref.out_order_no, "trade_no": trade_no}
        if parts:
            content["royalty_parameters"] = parts
        if finish:
            content["extend_params"] = {"royalty_finish": "true"}
        reply = await merchant.client.call(SETTLE, {**content, "royalty_mode": "async"})
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if not reply.good:
            return await self._refused(ref, reply)
        if reply.data.get("trade_no") != trade_no:
            return Unknown("answer_about_another")
        return await self._taken_in(ref, word(reply.data, "settle_no"), planned, done=not parts)

    async def _taken_in(
        self, ref: ShareRef, settle_no: str, planned: tuple[SharePart, ...], *, done: bool
    ) -> ShareFact:
        """Return how a split stands that was taken in; the answer to it tells no part, so the query is asked."""
        told = await self._query(ref)
        if not isinstance(told, ShareFact):
            return ShareFact(ref.out_order_no, settle_no, done, planned)
        known = {part.receiver.number: part.receiver for part in planned}
        parts = tuple(replace(part, receiver=known.get(part.receiver.number, part.receiver)) for part in told.parts)
        return replace(told, share_id=told.share_id or settle_no, parts=parts)

    async def _refused(self, ref: ShareRef, reply: Told) -> ShareFact | Declined | Unknown:
        outcome = _not_made(reply)
        if isinstance(outcome, Unknown):
            return outcome
        known = await self._query(ref)
        if isinstance(known, ShareFact):
            return known
        return outcome if isinstance(known, Missing) else Unknown(reply.reason)

    async def _query(self, ref: ShareRef) -> ShareFact | Missing | Unknown:
        merchant = self._merchants.of(ref.account)
        trade_no = ref.transaction_id or await self._trade_no(ref)
        if not trade_no:
            return Unknown("trade_no")
        content = {"out_request_no": ref.out_order_no, "trade_no": trade_no}
        reply = await merchant.client.call(SETTLE_QUERY, content)
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if not reply.good:
            return Missing() if verdict_of(Call.SHARE, reply) is Verdict.MISSING else Unknown(reply.reason)
        try:
            return _share_fact(reply.data, ref)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    async def _trade_no(self, ref: ShareRef) -> str:
        """Return Alipay's number of a trade of which only ours is known, empty where it does not tell."""
        client = self._merchants.of(ref.account).client
        reply = await client.call(QUERY, {"out_trade_no": ref.out_trade_no})
        told = reply.data if isinstance(reply, Told) and reply.good else {}
        return word(told, "trade_no") if told.get("out_trade_no") == ref.out_trade_no else ""


def _type(receiver: Receiver) -> str:
    return "userId" if receiver.kind == "merchant" or receiver.number.startswith("2088") else "openId"


def _part(part: SharePart, account: AlipayAccount) -> dict[str, str]:
    return {
        "royalty_type": _TRANSFER,
        "trans_out_type": "userId",
        "trans_out": account.seller_id,
        "trans_in_type": _type(part.receiver),
        "trans_in": part.receiver.number,
        "amount": format_yuan(part.amount),
        "desc": part.description[:_DESCRIPTION_MAX],
    }


def _not_made(reply: Told) -> Declined | Unknown:
    verdict = verdict_of(Call.SHARE, reply)
    return declined(reply) if verdict in (Verdict.REFUSED, Verdict.MISSING) else Unknown(reply.reason)


def _share_fact(data: Json, ref: ShareRef) -> ShareFact:
    if data.get("out_request_no") != ref.out_order_no:
        raise Malformed("out_request_no")
    details = data.get("royalty_detail_list") or []
    if not isinstance(details, list) or not all(isinstance(detail, dict) for detail in details):
        raise Malformed("royalty_detail_list")
    parts = tuple(_told(detail) for detail in details if detail.get("operation_type") == _TRANSFER)
    done = all(part.state is not PartState.PENDING for part in parts)
    return ShareFact(ref.out_order_no, word(data, "settle_no"), done, parts)


def _told(detail: Json) -> SharePart:
    state = PART_STATES.get(text(detail, "state"))
    if state is None:
        raise Malformed("state")
    number = text(detail, "trans_in")
    kind = detail.get("trans_in_type")
    receiver = Receiver("person" if kind == "openId" else "merchant", number)
    reason = word(detail, "error_code") or word(detail, "state") if state is PartState.FAILED else ""
    at = moment(word(detail, "execute_dt")) if state is PartState.SUCCEEDED and word(detail, "execute_dt") else None
    return SharePart(receiver, fen(text(detail, "amount")), "", state, reason, at)


def _returned(fact: ShareFact, back: NewShareReturn) -> ShareReturnFact:
    """Return how a split in the other direction stands; it has one part, and a part that is not told is pending."""
    if not fact.parts:
        return ShareReturnFact(back.out_return_no, PartState.PENDING, back.amount)
    part = fact.parts[0]
    return ShareReturnFact(back.out_return_no, part.state, part.amount, part.reason, part.at)
