"""A mini-program's URL: who may speak, what is heard once, and that every answer goes through the outbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.miniprogram.outbound import KIND, custom_body
from bot.channels.official.quota import Room
from bot.channels.reception import SUCCESS
from bot.channels.wire import jsontext, xmltext
from bot.channels.wire.push import Format, Mode
from bot.dialogue.event import Event, Noted, Said
from bot.dialogue.reply import Card, HandOff, Reply, Text
from bot.kernel.errors import BotError, Forbidden, Misconfigured, NotFound, Unauthorized
from bot.kernel.masking import Secret
from tests.channels import samples
from tests.channels.fakes import pass_time, settle
from tests.channels.miniprogram.rig import FORMS, MiniRig, body_of, delivery, happening, program, words
from tests.channels.samples import OPENID, Delivery


@pytest.fixture
async def rig() -> AsyncIterator[MiniRig]:
    made = MiniRig(program(), program(Mode.PLAIN, key="plain"), program(Mode.COMPATIBLE, key="both"))
    yield made
    await made.turns.close(0)


def of(mode: Mode) -> str:
    return "plain" if mode is Mode.PLAIN else "mini"


@pytest.mark.parametrize(("form", "mode"), FORMS)
async def test_words_are_answered_through_the_outbox(rig: MiniRig, form: Format, mode: Mode) -> None:
    assert await rig.send(delivery(words("你好"), form, mode), of(mode)) == SUCCESS

    assert rig.heard[0].what == Said("你好") and rig.heard[0].channel == "mini"
    job = rig.outbox[0]
    assert (job.kind, job.dest, job.key, job.private) == (KIND, f"mini:{of(mode)}", f"{rig.heard[0].key}:rest", True)
    assert job.payload["openid"] == OPENID and job.payload["parts"] == [{"kind": "text", "text": "你好"}]


@pytest.mark.parametrize(("form", "mode"), FORMS)
async def test_a_redelivery_is_heard_once(rig: MiniRig, form: Format, mode: Mode) -> None:
    sent = delivery(words(), form, mode)
    assert [await rig.send(sent, of(mode)) for _ in range(3)] == [SUCCESS] * 3
    await settle()

    assert len(rig.heard) == len(rig.outbox) == 1


async def test_a_slow_turn_is_answered_at_the_deadline_and_queued_once(rig: MiniRig) -> None:
    async def slow(event: Event) -> Reply:
        await rig.clock.sleep(8)
        return Reply((Text("好"),))

    rig.answering = slow
    sent = asyncio.create_task(rig.send(delivery(words())))
    await pass_time(rig.clock, 5)
    assert sent.done() and await sent == SUCCESS and not rig.outbox
    await pass_time(rig.clock, 4)
    assert len(rig.outbox) == 1


async def test_the_window_is_open_before_the_reply_is_queued(rig: MiniRig) -> None:
    """Five messages follow a message; a redelivery of it opens no new window."""
    sent = delivery(words())
    await rig.send(sent)

    rooms = [await rig.mini_windows.spend("mini", OPENID) for _ in range(6)]
    assert rooms == [Room.YES] * 5 + [Room.USED_UP]
    await rig.send(sent)
    assert await rig.mini_windows.spend("mini", OPENID) is Room.USED_UP


async def test_entering_the_conversation_opens_two_for_a_minute(rig: MiniRig) -> None:
    await rig.send(delivery(happening("user_enter_tempsession", SessionFrom="")))

    assert [await rig.mini_windows.spend("mini", OPENID) for _ in range(3)] == [Room.YES, Room.YES, Room.USED_UP]


@pytest.mark.parametrize("form", Format)
async def test_a_hand_off_is_the_one_passive_answer(rig: MiniRig, form: Format) -> None:
    async def hand_off(event: Event) -> Reply:
        return Reply((Text("请稍候"), HandOff()))

    rig.answering = hand_off
    answer = await rig.send(delivery(words(), form, Mode.PLAIN), "plain")

    parsed = xmltext.parse(answer.body) if form is Format.XML else jsontext.parse(answer.body)
    assert parsed["MsgType"] == "transfer_customer_service" and parsed["ToUserName"] == OPENID
    assert rig.outbox[0].payload["parts"] == [{"kind": "text", "text": "请稍候"}]


async def test_a_hand_off_in_safe_mode_is_sealed(rig: MiniRig) -> None:
    async def hand_off(event: Event) -> Reply:
        return Reply((HandOff(),))

    rig.answering = hand_off
    answer = json.loads((await rig.send(delivery(words()))).body)
    opened = samples.KEY.decrypt(answer["Encrypt"])
    assert opened is not None and json.loads(opened)["MsgType"] == "transfer_customer_service"


async def test_services_of_wechat_write_under_another_name(rig: MiniRig) -> None:
    sent = delivery(happening("wxa_media_check", sender="oService", trace_id="1", result={"suggest": "pass"}))
    sent.query["openid"] = OPENID

    assert await rig.send(sent) == SUCCESS
    assert isinstance(rig.heard[0].what, Noted) and not rig.outbox


# --- hostile --------------------------------------------------------------------------------------------------------


def _without(what: Delivery, *names: str) -> Delivery:
    return Delivery(what.body, {name: value for name, value in what.query.items() if name not in names})


def _with(what: Delivery, **query: str) -> Delivery:
    return Delivery(what.body, {**what.query, **query})


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    ("change", "fault", "code"),
    [
        (lambda sent: _with(sent, msg_signature="0" * 40), Unauthorized, "bad_msg_signature"),
        (lambda sent: _with(sent, msg_signature=sent.query["signature"]), Unauthorized, "bad_msg_signature"),
        (lambda sent: _without(sent, "msg_signature"), Unauthorized, "bad_msg_signature"),
        (lambda sent: _without(sent, "encrypt_type"), Forbidden, "plaintext_in_safe_mode"),
        (lambda sent: _with(sent, encrypt_type="rsa"), BotError, "unknown_encrypt_type"),
        (lambda sent: _with(sent, nonce="1"), Unauthorized, "bad_msg_signature"),
        (lambda sent: _with(sent, timestamp="1715943331"), Unauthorized, "bad_msg_signature"),
        (lambda sent: _with(sent, openid="oOther"), Forbidden, "other_openid"),
        (lambda sent: Delivery(sent.body[:-9], sent.query), BotError, ""),
        (lambda sent: Delivery(b"", sent.query), BotError, ""),
        (lambda sent: Delivery(b"x" * (1 << 20 | 1), sent.query), BotError, "message_too_large"),
    ],
)
async def test_a_forged_delivery_is_never_heard(
    rig: MiniRig, form: Format, change: Any, fault: type[BotError], code: str
) -> None:
    with pytest.raises(fault) as caught:
        await rig.send(change(delivery(words(), form)))

    assert not code or caught.value.code == code
    assert rig.heard == [] and rig.outbox == []


@pytest.mark.parametrize("form", Format)
async def test_a_stale_delivery(rig: MiniRig, form: Format) -> None:
    rig.clock.advance(301)
    with pytest.raises(Forbidden, match="stale"):
        await rig.send(delivery(words(), form))


@pytest.mark.parametrize("form", Format)
async def test_plaintext_in_safe_mode(rig: MiniRig, form: Format) -> None:
    with pytest.raises(Forbidden, match="plaintext_in_safe_mode"):
        await rig.send(delivery(words(), form, Mode.PLAIN))


async def test_one_plaintext_signature_serves_one_body(rig: MiniRig) -> None:
    await rig.send(delivery(words("一"), mode=Mode.PLAIN), "plain")
    with pytest.raises(Forbidden, match="signature_reused"):
        await rig.send(delivery(words("二"), mode=Mode.PLAIN), "plain")


async def test_an_unknown_account(rig: MiniRig) -> None:
    with pytest.raises(NotFound):
        await rig.send(delivery(words()), "main")
    with pytest.raises(NotFound):
        rig.mini.verify("main", samples.VERIFY)


async def test_a_message_to_another_app() -> None:
    strict = MiniRig(program(original_id="gh_other"))
    with pytest.raises(Forbidden, match="other_account"):
        await strict.send(delivery(words()))


async def test_a_format_that_the_console_does_not_send() -> None:
    strict = MiniRig(program(format=Format.JSON))
    with pytest.raises(BotError, match="other_format"):
        await strict.send(delivery(words(), Format.XML))
    await strict.turns.close(0)


@pytest.mark.parametrize("changes", [{"token": Secret("")}, {"aes_keys": ()}, {"key": "Not A Key"}])
def test_no_secret_no_door(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        MiniRig(program(**changes))  # type: ignore[arg-type]


@given(
    st.binary(max_size=150) | st.dictionaries(st.text(max_size=8), st.text(max_size=8)).map(json.dumps).map(str.encode)
)
@settings(max_examples=60)
def test_garbage_inside_a_genuine_envelope_is_refused_cleanly(body: bytes) -> None:
    async def attempt() -> None:
        rig = MiniRig(program(), program(Mode.PLAIN, key="plain"))
        for to, sent in (("mini", samples.safe(body)), ("plain", samples.plain(body))):
            with pytest.raises(BotError) as caught:
                await rig.send(sent, to)
            assert 400 <= caught.value.http_status < 500
        assert rig.heard == []

    asyncio.run(attempt())


def test_a_card_is_sent_as_a_link() -> None:
    body = custom_body(OPENID, Card("账单", "物业费", "https://a.example/", "https://a.example/p.png"))

    assert body["msgtype"] == "link" and body["link"]["url"] == "https://a.example/"
    assert body_of(custom_body(OPENID, Text("好")), Format.JSON) == (
        f'{{"touser": "{OPENID}", "msgtype": "text", "text": {{"content": "好"}}}}'.encode()
    )
