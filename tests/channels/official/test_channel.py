"""The whole official channel without HTTP: who may speak, what is heard, and how it is answered in each mode."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto

from bot.channels.official.account import OfficialAccount
from bot.channels.official.quota import Room, Trigger
from bot.channels.reception import Response
from bot.channels.wire import xmltext
from bot.channels.wire.push import Format, Mode
from bot.dialogue.event import Event, Left, Noted, Pressed, Said
from bot.dialogue.reply import HandOff, Picture, Reply, Text
from bot.kernel.errors import BotError, Forbidden, Misconfigured, NotFound, Unauthorized
from bot.kernel.masking import Secret
from bot.outside.logging import bind_trace
from tests.channels import samples
from tests.channels.fakes import pass_time, settle
from tests.channels.rig import ChannelRig
from tests.channels.samples import APP_ID, GH_ID, OPENID, STAMP, Delivery, account, event, plain, safe, words

SUCCESS = Response("text/plain", b"success")


@pytest.fixture
async def rig() -> AsyncIterator[ChannelRig]:
    made = ChannelRig(account(), account(Mode.PLAIN, key="plain"), account(Mode.COMPATIBLE, key="both"))
    yield made
    await made.turns.close(0)


async def send(rig: ChannelRig, delivery: Delivery, to: str = "main") -> Response:
    return await rig.channel.receive(to, delivery.query, delivery.body, rig.clock.monotonic())


# --- who may speak --------------------------------------------------------------------------------------------------


async def test_an_unknown_account(rig: ChannelRig) -> None:
    with pytest.raises(NotFound):
        rig.channel.verify("other", samples.VERIFY)
    with pytest.raises(NotFound):
        await send(rig, safe(words()), "other")


async def test_the_openid_of_the_url_is_the_senders(rig: ChannelRig) -> None:
    delivery = safe(words())

    with pytest.raises(Forbidden, match="other_openid"):
        await send(rig, Delivery(delivery.body, {**delivery.query, "openid": "oOther"}))
    del delivery.query["openid"]
    assert (await send(rig, delivery)).body


async def test_events_of_wechats_own_services_come_from_another_name(rig: ChannelRig) -> None:
    inside = f"<OpenID>{OPENID}</OpenID><AppID>wx1</AppID><RevokeInfo>201</RevokeInfo>"
    delivery = safe(event("user_authorization_revoke", inside, sender="oServiceOfWeChat"))

    assert await send(rig, delivery) == SUCCESS
    assert rig.heard[0].subject == OPENID and isinstance(rig.heard[0].what, Noted)


async def test_a_message_to_another_original_id(rig: ChannelRig) -> None:
    strict = ChannelRig(account(original_id="gh_other"))

    with pytest.raises(Forbidden, match="other_account"):
        await send(strict, safe(words()))


async def test_one_plaintext_signature_serves_one_body(rig: ChannelRig) -> None:
    """A captured triple signs any body (wechat.md §2.1), so the second body under it is nobody's."""
    assert (await send(rig, plain(words("交物业费")), "plain")).body

    with pytest.raises(Forbidden, match="signature_reused"):
        await send(rig, plain(words("转账", msg_id="2")), "plain")
    await settle()
    assert (await send(rig, plain(words("交物业费")), "plain")).body
    assert len(rig.heard) == 1


async def test_a_forged_body_in_safe_mode_is_never_heard(rig: ChannelRig) -> None:
    for forged in (plain(words()), Delivery(words(), {}), Delivery(words(), safe(words()).query)):
        with pytest.raises((Forbidden, Unauthorized)):
            await send(rig, forged)
    assert rig.heard == []


@given(st.binary(max_size=150))
@settings(max_examples=40)
def test_garbage_inside_a_genuine_envelope_is_refused_cleanly(body: bytes) -> None:
    async def attempt() -> None:
        rig = ChannelRig(account(), account(Mode.PLAIN, key="plain"))
        for to, delivery in (("main", safe(body)), ("plain", plain(body))):
            with pytest.raises(BotError) as caught:
                await send(rig, delivery, to)
            assert 400 <= caught.value.http_status < 500
        assert rig.heard == []

    asyncio.run(attempt())


# --- what is heard and answered -------------------------------------------------------------------------------------


async def test_words_become_an_event(rig: ChannelRig) -> None:
    await send(rig, safe(words("交物业费")))

    heard = rig.heard[0]
    assert heard.what == Said("交物业费") and heard.channel == "official" and heard.account == "main"
    assert heard.subject == OPENID and str(int(heard.at.timestamp())) == STAMP
    assert heard.trace_id.startswith("trc_") and len(heard.key) == 64


async def test_plain_mode_answers_in_plaintext(rig: ChannelRig) -> None:
    answer = await send(rig, plain(words(" 你好]]> ")), "plain")

    assert answer.content_type == "application/xml"
    assert xmltext.parse(answer.body)["Content"] == " 你好]]> "


@pytest.mark.parametrize("to", ["main", "both"])
async def test_an_encrypted_question_has_an_encrypted_answer(rig: ChannelRig, to: str) -> None:
    """wechatpy, as the platform's side, can read it."""
    delivery = safe(words("你好"))
    answer = xmltext.parse((await send(rig, delivery, to)).body)
    crypto = WeChatCrypto("AAAAA", samples.AES_KEY.reveal(), APP_ID)

    text = crypto.decrypt_message(
        {"Encrypt": answer["Encrypt"]}, answer["MsgSignature"], answer["TimeStamp"], delivery.query["nonce"]
    )
    reply = parse_message(text)
    assert (reply.type, reply.content, reply.target, reply.source) == ("text", "你好", OPENID, GH_ID)


async def test_compatible_mode_answers_plaintext_with_plaintext(rig: ChannelRig) -> None:
    assert xmltext.parse((await send(rig, plain(words("你好")), "both")).body)["Content"] == "你好"


async def test_json_is_answered_with_json(rig: ChannelRig) -> None:
    fields = {
        "ToUserName": GH_ID,
        "FromUserName": OPENID,
        "CreateTime": int(STAMP),
        "MsgType": "text",
        "Content": "你好",
    }

    answer = await send(rig, plain(json.dumps({**fields, "MsgId": 2**63}).encode()), "plain")

    assert answer.content_type == "application/json"
    assert json.loads(answer.body)["Content"] == "你好" and json.loads(answer.body)["ToUserName"] == OPENID


async def test_silence_is_success_without_encryption(rig: ChannelRig) -> None:
    assert await send(rig, safe(event("VIEW", "<EventKey>https://a.example/</EventKey>"))) == SUCCESS


async def test_identical_deliveries_get_the_same_reply_and_are_heard_once(rig: ChannelRig) -> None:
    delivery = safe(words())
    answers = await asyncio.gather(*(send(rig, delivery) for _ in range(3)))

    contents = {samples.KEY.decrypt(str(xmltext.parse(answer.body)["Encrypt"])) for answer in answers}
    assert len(contents) == 1 and len(rig.heard) == 1


async def test_the_trace_of_a_message_is_the_same_wherever_it_is_delivered() -> None:
    traces = []
    for _ in range(2):
        process = ChannelRig(account())
        await send(process, safe(words()))
        await process.turns.close(0)
        traces.append(process.heard[0].trace_id)

    assert traces[0] == traces[1] and len(traces[0]) == 30
    assert traces[0].startswith(f"trc_{int(STAMP):010x}")


async def test_the_trace_of_the_request_is_that_of_the_message(rig: ChannelRig) -> None:
    """So that the number in the response's header finds the whole story."""
    with bind_trace("trc_request"):
        await send(rig, safe(words()))

    assert rig.heard[0].trace_id == "trc_request"


async def test_two_events_of_one_second_are_two(rig: ChannelRig) -> None:
    """FromUserName + CreateTime would make them one (WxJava #2231)."""
    await send(rig, safe(event("CLICK", "<EventKey>a</EventKey>")))
    await send(rig, safe(event("CLICK", "<EventKey>b</EventKey>")))

    assert [heard.what for heard in rig.heard] == [Pressed("a"), Pressed("b")]


async def test_past_the_deadline_the_reply_goes_to_the_customer_by_job(rig: ChannelRig) -> None:
    async def slow(_event: Event) -> Reply:
        await rig.clock.sleep(6)
        return Reply((Text("账单"), Picture(b"png", "a.png")))

    rig.answering = slow
    answer = asyncio.create_task(send(rig, safe(words())))
    await pass_time(rig.clock, 7)

    assert await answer == SUCCESS
    [job] = rig.outbox
    assert job.kind == "official.custom" and job.key == rig.heard[0].key and job.dest == "official:main"
    assert job.payload["account"] == "main" and job.payload["openid"] == OPENID and len(job.payload["parts"]) == 2
    assert job.trace_id == rig.heard[0].trace_id


async def test_a_hand_off_is_the_response(rig: ChannelRig) -> None:
    async def human(_event: Event) -> Reply:
        return Reply((Text("正在为您转接"), HandOff()))

    rig.answering = human
    answer = await send(rig, plain(words("人工")), "plain")

    assert xmltext.parse(answer.body)["MsgType"] == "transfer_customer_service"
    assert [job.payload["parts"] for job in rig.outbox] == [[{"kind": "text", "text": "正在为您转接"}]]


async def test_a_long_answer_is_split_between_response_and_job(rig: ChannelRig) -> None:
    async def long(_event: Event) -> Reply:
        return Reply((Text("物业费账单一条\n" * 200),))

    rig.answering = long
    answer = await send(rig, plain(words()), "plain")

    content = str(xmltext.parse(answer.body)["Content"])
    rest = [part["text"] for part in rig.outbox[0].payload["parts"]]
    assert len(content.encode()) <= 2048 and ("\n".join([content, *rest])).count("物业费账单一条") == 200


async def test_a_failing_dialogue_apologises(rig: ChannelRig) -> None:
    async def broken(_event: Event) -> Reply:
        raise RuntimeError("bug")

    rig.answering = broken

    assert xmltext.parse((await send(rig, plain(words()), "plain")).body)["Content"] == "抱歉"


# --- windows --------------------------------------------------------------------------------------------------------


async def test_a_message_opens_its_window(rig: ChannelRig) -> None:
    await send(rig, safe(words()))
    await settle()

    rooms = [await rig.windows.spend("main", OPENID) for _ in range(6)]
    assert rooms == [Room.YES] * 5 + [Room.USED_UP]


async def test_who_leaves_gets_no_answer_and_has_no_window(rig: ChannelRig) -> None:
    async def polite(_event: Event) -> Reply:
        return Reply((Text("再见"),))

    rig.answering = polite
    await rig.windows.note("main", OPENID, Trigger.MESSAGE)

    assert await send(rig, safe(event("unsubscribe", "<EventKey/>"))) == SUCCESS
    await settle()
    assert rig.heard[0].what == Left() and not rig.outbox
    assert await rig.windows.spend("main", OPENID) is Room.UNKNOWN


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": Secret("")}, "bad_token"),
        ({"token": Secret("ab")}, "bad_token"),
        ({"token": Secret("with space")}, "bad_token"),
        ({"key": "Main/1"}, "bad_account_key"),
        ({"key": ""}, "bad_account_key"),
        ({"aes_keys": ()}, "no_encoding_aes_key"),
        ({"mode": Mode.COMPATIBLE, "aes_keys": ()}, "no_encoding_aes_key"),
        ({"aes_keys": (Secret("short"),)}, "bad_encoding_aes_key"),
    ],
)
def test_settings_that_would_leave_the_door_open(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Misconfigured, match=code):
        ChannelRig(account(**changes))  # type: ignore[arg-type]


def test_no_secret_is_printed() -> None:
    shown = repr(account(format=Format.XML))

    assert "AAAAA" not in shown and "sssss" not in shown


def test_the_safest_mode_is_the_default() -> None:
    assert OfficialAccount("a", "wx", Secret("s"), Secret("AAAAA")).mode is Mode.SAFE
