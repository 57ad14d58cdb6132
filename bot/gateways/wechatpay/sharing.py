"""分账: shares of a payment that was made with profit_sharing, taken back, queried and unfrozen.

Sources: payments.md §4.1; pay.weixin.qq.com/wiki/doc/apiv3_partner/apis/chapter8_1_1 … 8_1_8 (请求分账, 回退, 解冻,
接收方) and doc/v2/partner/4015505153 (reasons of failure). Fields and states are the tables below.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Silent, serialise
from bot.gateways.wechatpay.errors import Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Json, Malformed, fen, moment, text, word
from bot.gateways.wechatpay.keys import Sealing
from bot.gateways.wechatpay.mapping import one_line
from bot.gateways.wechatpay.merchants import Merchant, Merchants, declined, refusal
from bot.kernel.clock import Clock
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

ORDERS: Final = "/v3/profitsharing/orders"
UNFREEZE: Final = "/v3/profitsharing/orders/unfreeze"
RETURNS: Final = "/v3/profitsharing/return-orders"
RECEIVERS: Final = "/v3/profitsharing/receivers/add"
RECEIVERS_MAX: Final = 50
NAME_BYTES: Final = 214  # What RSA-OAEP with SHA-1 carries under a key of 2048 bits.
DESCRIPTION_BYTES: Final = 80
_FINISHED: Final = "FINISHED"
_STATES: Final = frozenset({"PROCESSING", _FINISHED})
PARTS: Final[Mapping[str, PartState]] = {
    "PENDING": PartState.PENDING,
    "SUCCESS": PartState.SUCCEEDED,
    "CLOSED": PartState.FAILED,
}
RETURN_STATES: Final[Mapping[str, PartState]] = {
    "PROCESSING": PartState.PENDING,
    "SUCCESS": PartState.SUCCEEDED,
    "FAILED": PartState.FAILED,
}
_KINDS: Final[Mapping[str, Literal["merchant", "person"]]] = {
    "MERCHANT_ID": "merchant",
    "PERSONAL_OPENID": "person",
    "PERSONAL_SUB_OPENID": "person",
}
# relation_type; any other word of ours is a relation of our own making (CUSTOM).
RELATIONS: Final = frozenset(
    {
        *("SERVICE_PROVIDER", "STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND"),
        *("DISTRIBUTOR", "USER", "SUPPLIER"),
    }
)
_NO_REASON: Final = "unsaid"


class WeChatPaySharing:
    """See ``payments.faculties.Sharing``."""

    def __init__(self, merchants: Merchants, clock: Clock) -> None:
        self._merchants = merchants
        self._clock = clock

    async def add_receiver(self, account: str, receiver: Receiver) -> Created | Declined | Unknown:
        seller = self._merchants.of(account)
        if unfit := _unfit([receiver], seller.account) or ("" if receiver.relation else "relation_missing"):
            return Declined(unfit)
        sealing = seller.keys.sealing(self._clock.now())
        if receiver.name and sealing is None:
            return Unknown("no_platform_key")
        known = receiver.relation in RELATIONS
        body = {
            **_apps([receiver], seller.account),
            **_receiver(receiver, seller.account, sealing),
            "relation_type": receiver.relation if known else "CUSTOM",
            **({} if known else {"custom_relation": receiver.relation}),
        }
        answer = await _post(seller, RECEIVERS, body, sealing, [receiver])
        if isinstance(answer, Bad):
            return _refused(answer)
        if isinstance(answer, Unknown):
            return answer
        return Created({"type": word(answer, "type"), "account": receiver.number})

    async def share(self, share: NewShare) -> ShareFact | Declined | Unknown:
        seller = self._merchants.of(share.account)
        receivers = [part.receiver for part in share.parts]
        if unfit := _unfit(receivers, seller.account):
            return Declined(unfit)
        sealing = seller.keys.sealing(self._clock.now())
        if sealing is None and any(receiver.name for receiver in receivers):
            return Unknown("no_platform_key")
        body = {
            **_apps(receivers, seller.account),
            "transaction_id": share.transaction_id,
            "out_order_no": share.out_order_no,
            "receivers": [_part(part, share, seller.account, sealing) for part in share.parts],
            "unfreeze_unsplit": share.finish,
        }
        answer = await _post(seller, ORDERS, body, sealing, receivers)
        return await self._told(seller, answer, _ref(share))

    async def share_query(self, share: ShareRef) -> ShareFact | Missing | Unknown:
        seller = self._merchants.of(share.account)
        query = "&".join((f"transaction_id={quote(share.transaction_id, safe='')}", *_sub_query(seller.account)))
        reply = await seller.client.get(f"{ORDERS}/{quote(share.out_order_no, safe='')}?{query}")
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            return _missing(reply)
        return share_fact(reply.data, share, seller.account)

    async def take_back(self, back: NewShareReturn) -> ShareReturnFact | Declined | Unknown:
        """Take a share back from a merchant; WeChat Pay takes none from a person."""
        seller = self._merchants.of(back.account)
        if back.receiver.kind != "merchant":
            return Declined("receiver_is_a_person")
        body = {
            **_sub(seller.account),
            "out_order_no": back.out_order_no,
            "out_return_no": back.out_return_no,
            "return_mchid": back.receiver.number,
            "amount": back.amount,
            "description": _described(back.description, back.out_return_no),
        }
        answer = await _post(seller, RETURNS, body)
        if isinstance(answer, Unknown):
            return answer
        if not isinstance(answer, Bad):
            return _return_fact(answer, back)
        if verdict_of(Call.SHARE, answer.status, answer.code) is Verdict.ASK:
            known = await self.take_back_query(back)
            return known if not isinstance(known, Missing) else _refused(answer, asked=True)
        return _refused(answer)

    async def take_back_query(self, back: NewShareReturn) -> ShareReturnFact | Missing | Unknown:
        seller = self._merchants.of(back.account)
        query = "&".join((f"out_order_no={quote(back.out_order_no, safe='')}", *_sub_query(seller.account)))
        reply = await seller.client.get(f"{RETURNS}/{quote(back.out_return_no, safe='')}?{query}")
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        return _missing(reply) if isinstance(reply, Bad) else _return_fact(reply.data, back)

    async def unfreeze(self, share: ShareRef, description: str) -> ShareFact | Declined | Unknown:
        seller = self._merchants.of(share.account)
        body = {
            **_sub(seller.account),
            "transaction_id": share.transaction_id,
            "out_order_no": share.out_order_no,
            "description": _described(description, share.out_order_no),
        }
        return await self._told(seller, await _post(seller, UNFREEZE, body), share)

    async def _told(
        self, seller: Merchant, answer: Json | Bad | Unknown, share: ShareRef
    ) -> ShareFact | Declined | Unknown:
        """Conclude from the answer to a share or an unfreezing; where the number may be known already, ask."""
        if isinstance(answer, Unknown):
            return answer
        if not isinstance(answer, Bad):
            return share_fact(answer, share, seller.account)
        if verdict_of(Call.SHARE, answer.status, answer.code) is Verdict.ASK:
            known = await self.share_query(share)
            return known if not isinstance(known, Missing) else _refused(answer, asked=True)
        return _refused(answer)


def share_fact(data: Json, share: ShareRef, account: WeChatPayAccount) -> ShareFact | Unknown:
    """Return what a verified answer says about the share with our number, every part by its own state.

    What was unfrozen to the merchant comes as a part of its own, with the merchant's number.
    """
    try:
        ours = (share.out_order_no, share.transaction_id, account.sub_mchid)
        if (text(data, "out_order_no"), text(data, "transaction_id"), word(data, "sub_mchid")) != ours:
            return Unknown("answer_about_another")
        state, told = text(data, "state"), data.get("receivers") or []
        if state not in _STATES or not isinstance(told, list) or not all(isinstance(part, dict) for part in told):
            raise Malformed("state")
        parts = tuple(_told_part(part) for part in told)
        done = state == _FINISHED and all(part.state is not PartState.PENDING for part in parts)
        return ShareFact(share.out_order_no, text(data, "order_id"), done, parts)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")


def _told_part(told: Json) -> SharePart:
    kind, state = _KINDS.get(text(told, "type")), PARTS.get(text(told, "result"))
    if kind is None or state is None:
        raise Malformed("receivers")
    return SharePart(
        receiver=Receiver(kind, text(told, "account")),
        amount=fen(told, "amount"),
        description=word(told, "description"),
        state=state,
        reason=(word(told, "fail_reason") or _NO_REASON) if state is PartState.FAILED else "",
        at=_finished(told, state),
    )


def _finished(told: Json, state: PartState) -> datetime | None:
    """Return when a part was given or came back; None where it was not, or where the answer does not tell."""
    return moment(told, "finish_time") if state is PartState.SUCCEEDED and word(told, "finish_time") else None


def _return_fact(data: Json, back: NewShareReturn) -> ShareReturnFact | Unknown:
    try:
        ours = (back.out_return_no, back.out_order_no, back.amount)
        if (text(data, "out_return_no"), text(data, "out_order_no"), fen(data, "amount")) != ours:
            return Unknown("answer_about_another")
        state = RETURN_STATES.get(text(data, "result"))
        if state is None:
            raise Malformed("result")
        at = _finished(data, state)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    reason = (word(data, "fail_reason") or _NO_REASON) if state is PartState.FAILED else ""
    return ShareReturnFact(back.out_return_no, state, back.amount, reason, at)


async def _post(
    seller: Merchant, path: str, body: Json, sealing: Sealing | None = None, receivers: Sequence[Receiver] = ()
) -> Json | Bad | Unknown:
    sealed = sealing.serial if sealing and any(receiver.name for receiver in receivers) else ""
    reply = await seller.client.post(path, serialise(body), sealed_with=sealed)
    if isinstance(reply, Silent):
        return Unknown(reply.reason)
    return reply if isinstance(reply, Bad) else reply.data


def _refused(reply: Bad, *, asked: bool = False) -> Declined | Unknown:
    """Return the no that a refusal is, if it is signed; ``asked``: a query found nothing under the number."""
    refused = asked or verdict_of(Call.SHARE, reply.status, reply.code) is Verdict.REFUSED
    return declined(reply) if refused and reply.signed else Unknown(refusal(reply))


def _missing(reply: Bad) -> Missing | Unknown:
    missing = verdict_of(Call.SHARE_QUERY, reply.status, reply.code) is Verdict.MISSING
    return Missing() if missing else Unknown(refusal(reply))


def _unfit(receivers: Sequence[Receiver], account: WeChatPayAccount) -> str:
    """Return why a request cannot even be made: a plain no, since nothing was sent."""
    apps = {receiver.app_id for receiver in receivers if receiver.app_id}
    if not 0 < len(receivers) <= RECEIVERS_MAX:
        return "receivers_count"
    if not apps <= set(account.appids):
        return "app_not_bound"
    if any(len(receiver.name.reveal().encode()) > NAME_BYTES for receiver in receivers if receiver.name):
        return "receiver_name"
    if len(apps) > 1 and not account.partner:
        return "receivers_of_two_apps"  # One request names one app.
    return ""


def _apps(receivers: Sequence[Receiver], account: WeChatPayAccount) -> dict[str, str]:
    if not account.partner:
        return {"appid": next((receiver.app_id for receiver in receivers if receiver.app_id), account.appids[0])}
    sub = any(receiver.app_id == account.sub_appid for receiver in receivers if receiver.app_id)
    return {**_sub(account), "appid": account.sp_appid, **({"sub_appid": account.sub_appid} if sub else {})}


def _receiver(receiver: Receiver, account: WeChatPayAccount, sealing: Sealing | None) -> dict[str, object]:
    """Return one receiver; the name leaves us encrypted for WeChat Pay alone, never in clear."""
    under_sub = account.partner and receiver.app_id and receiver.app_id == account.sub_appid
    person = "PERSONAL_SUB_OPENID" if under_sub else "PERSONAL_OPENID"
    told: dict[str, object] = {
        "type": "MERCHANT_ID" if receiver.kind == "merchant" else person,
        "account": receiver.number,
    }
    if receiver.name and sealing:
        told["name"] = sealing.seal(receiver.name)
    return told


def _part(part: SharePart, share: NewShare, account: WeChatPayAccount, sealing: Sealing | None) -> dict[str, object]:
    return {
        **_receiver(part.receiver, account, sealing),
        "amount": part.amount,
        "description": _described(part.description or share.description, share.out_order_no),
    }


def _described(wanted: str, otherwise: str) -> str:
    """Return a description, which is required everywhere."""
    return one_line(wanted, DESCRIPTION_BYTES) or otherwise


def _sub(account: WeChatPayAccount) -> dict[str, str]:
    return {"sub_mchid": account.sub_mchid} if account.partner else {}


def _sub_query(account: WeChatPayAccount) -> list[str]:
    return [f"{name}={number}" for name, number in _sub(account).items()]


def _ref(share: NewShare) -> ShareRef:
    return ShareRef(share.out_order_no, share.out_trade_no, share.transaction_id, share.account)
