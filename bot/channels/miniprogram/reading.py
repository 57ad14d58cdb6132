"""Turns the fields of a push to a mini-program into the message or event that they are."""

from typing import Final

from bot.channels.miniprogram.messages import (
    MediaChecked,
    MiniMessage,
    PageMessage,
    SessionEntered,
    TradeManaged,
    TradeStep,
)
from bot.channels.official.messages import Head
from bot.channels.official.reading import (
    Readers,
    grants_asked,
    grants_changed,
    image_message,
    notices_sent,
    read_by,
    text_message,
)
from bot.channels.wire.fields import Fields, inner, text


def read_message(fields: Fields) -> MiniMessage:
    """Return the message; what is unknown is kept raw. Raises Misshapen where even its head is not one."""
    return read_by(fields, MESSAGES, EVENTS)


def _page(head: Head, fields: Fields) -> MiniMessage:
    return PageMessage(head, text(fields, "Title"), text(fields, "AppId"), text(fields, "PagePath", None))


def _entered(head: Head, fields: Fields) -> MiniMessage:
    return SessionEntered(head, text(fields, "SessionFrom"))


def _checked(head: Head, fields: Fields) -> MiniMessage:
    result = inner(fields, "result")
    return MediaChecked(
        head, text(fields, "trace_id", None), text(result, "suggest"), text(result, "label"), text(fields, "errcode")
    )


class _Trade:
    """Reads one kind of trade_manage event."""

    __slots__ = ("_step",)

    def __init__(self, step: TradeStep) -> None:
        self._step = step

    def __call__(self, head: Head, fields: Fields) -> MiniMessage:
        return TradeManaged(
            head,
            self._step,
            transaction_id=text(fields, "transaction_id"),
            merchant_id=text(fields, "merchant_id"),
            sub_merchant_id=text(fields, "sub_merchant_id"),
            merchant_trade_no=text(fields, "merchant_trade_no"),
            pay_time=text(fields, "pay_time"),
            shipped_time=text(fields, "shipped_time"),
            estimated_settlement_time=text(fields, "estimated_settlement_time"),
            confirm_receive_method=text(fields, "confirm_receive_method"),
            confirm_receive_time=text(fields, "confirm_receive_time"),
            settlement_time=text(fields, "settlement_time"),
        )


MESSAGES: Final[Readers[MiniMessage]] = {
    "text": text_message,
    "image": image_message,
    "miniprogrampage": _page,
}

EVENTS: Final[Readers[MiniMessage]] = {
    "user_enter_tempsession": _entered,
    "wxa_media_check": _checked,
    "subscribe_msg_popup_event": grants_asked,
    "subscribe_msg_change_event": grants_changed,
    "subscribe_msg_sent_event": notices_sent,
    "trade_manage_remind_access_api": _Trade("trade_manage_remind_access_api"),
    "trade_manage_remind_shipping": _Trade("trade_manage_remind_shipping"),
    "trade_manage_order_settlement": _Trade("trade_manage_order_settlement"),
}
