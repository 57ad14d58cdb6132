"""What a mini-program receives besides what an official account does, named as the documents name it (消息推送)."""

from dataclasses import dataclass
from typing import Literal

from bot.channels.official.messages import (
    GrantsAsked,
    GrantsChanged,
    Head,
    ImageMessage,
    NoticesSent,
    RawEvent,
    RawMessage,
    TextMessage,
)

TradeStep = Literal["trade_manage_remind_access_api", "trade_manage_remind_shipping", "trade_manage_order_settlement"]


@dataclass(frozen=True, slots=True)
class PageMessage:
    """A page of the mini-program that the customer sent into the conversation; ``path`` may carry a query."""

    head: Head
    title: str
    app_id: str
    path: str


@dataclass(frozen=True, slots=True)
class SessionEntered:
    """The customer opened the customer-service conversation; ``session_from`` is what the button says."""

    head: Head
    session_from: str


@dataclass(frozen=True, slots=True)
class MediaChecked:
    """The result of media_check_async, version 2: ``suggest`` is ``pass``, ``review`` or ``risky``."""

    head: Head
    check_id: str
    suggest: str
    label: str
    error_code: str


@dataclass(frozen=True, slots=True)
class TradeManaged:
    """WeChat's word about shipping and settlement (小程序发货信息管理). Ids are kept as text, times as sent.

    ``confirm_receive_method`` is ``1`` (by itself) or ``2`` (by the customer) once the goods count as received.
    """

    head: Head
    step: TradeStep
    transaction_id: str
    merchant_id: str
    sub_merchant_id: str
    merchant_trade_no: str
    pay_time: str
    shipped_time: str
    estimated_settlement_time: str
    confirm_receive_method: str
    confirm_receive_time: str
    settlement_time: str


MiniMessage = (
    TextMessage
    | ImageMessage
    | PageMessage
    | RawMessage
    | SessionEntered
    | MediaChecked
    | GrantsAsked
    | GrantsChanged
    | NoticesSent
    | TradeManaged
    | RawEvent
)
# What WeChat's own services write, whose name need not be the one in the URL.
SERVICES = (MediaChecked, TradeManaged)
