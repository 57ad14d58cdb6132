"""Mini-programs wired to a scripted dialogue, and deliveries in every format and mode."""

import json
from collections.abc import Mapping
from typing import Any

from bot.channels.miniprogram.account import MiniProgram
from bot.channels.miniprogram.channel import MiniChannel
from bot.channels.miniprogram.quota import WINDOWS
from bot.channels.official.quota import Windows
from bot.channels.reception import Response
from bot.channels.wire.push import Format, Mode
from bot.channels.wire.signature import sign
from bot.kernel.masking import Secret
from bot.simulators.wechat import codec
from tests.channels.rig import Answering, ChannelRig, echo
from tests.channels.samples import AES_KEY, APP_ID, GH_ID, KEY, OPENID, STAMP, TOKEN, Delivery, plain

FORMS = [(form, mode) for form in Format for mode in (Mode.PLAIN, Mode.SAFE)]


def program(mode: Mode = Mode.SAFE, **changes: object) -> MiniProgram:
    settings: dict[str, object] = {
        "key": "mini",
        "app_id": APP_ID,
        "secret": Secret("s" * 32),
        "token": TOKEN,
        "aes_keys": () if mode is Mode.PLAIN else (AES_KEY,),
        "mode": mode,
    }
    return MiniProgram(**{**settings, **changes})  # type: ignore[arg-type]


def message(kind: str, /, sender: str = OPENID, **fields: Any) -> dict[str, Any]:
    """A push as it comes out of either format: in JSON the console sends its numbers as text too."""
    return {"ToUserName": GH_ID, "FromUserName": sender, "CreateTime": STAMP, "MsgType": kind, **fields}


def words(content: str = "交物业费", msg_id: str = "7465918242190921728") -> dict[str, Any]:
    return message("text", Content=content, MsgId=msg_id)


def happening(name: str, /, sender: str = OPENID, **fields: Any) -> dict[str, Any]:
    return message("event", sender, Event=name, **fields)


def body_of(fields: Mapping[str, Any], form: Format) -> bytes:
    """Written by the simulator's own hand, so that reader and writer are two opinions."""
    return codec.to_xml(fields) if form is Format.XML else json.dumps(fields, ensure_ascii=False).encode()


def delivery(fields: Mapping[str, Any], form: Format = Format.JSON, mode: Mode = Mode.SAFE) -> Delivery:
    body = body_of(fields, form)
    opened = plain(body, openid=str(fields.get("FromUserName", OPENID)))
    if mode is Mode.PLAIN:
        return opened
    encrypted = KEY.encrypt(body)
    nonce = opened.query["nonce"]
    query = {**opened.query, "encrypt_type": "aes", "msg_signature": sign(TOKEN, STAMP, nonce, encrypted)}
    return Delivery(body_of({"ToUserName": GH_ID, "Encrypt": encrypted}, form), query)


class MiniRig(ChannelRig):
    """``mini`` is the channel; events, outbox and clock are those of the rig."""

    def __init__(self, *programs: MiniProgram, answering: Answering = echo) -> None:
        super().__init__(answering=answering)
        self.mini_windows = Windows(self.store, WINDOWS, channel="mini")
        self.mini = MiniChannel(programs, self.turns, self.mini_windows, self.store, self.clock)

    async def send(self, what: Delivery, to: str = "mini") -> Response:
        return await self.mini.receive(to, what.query, what.body, self.clock.monotonic())
