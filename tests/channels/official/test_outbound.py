"""Replies on the wire: valid whatever a text holds, within the limits, in order, and whole after the outbox."""

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.replies import TransferCustomerServiceReply, create_reply

from bot.channels.official import outbound
from bot.channels.official.messages import Head
from bot.channels.wire import xmltext
from bot.channels.wire.push import Format
from bot.dialogue.reply import Card, HandOff, Part, Picture, Reply, Text
from bot.kernel.text import without_control
from tests.channels.samples import GH_ID, NOW, OPENID, STAMP

HEAD = Head(GH_ID, OPENID, int(STAMP))
CARD = Card("物业费账单", "本月 128.50 元", "https://pay.example/c/1?a=1&b=2", "https://pay.example/p.png")
PICTURE = Picture(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "code.png")
LINK = '<a href="https://pay.example/c/1?a=1&b=2">点此缴费</a>'
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("]>&<\x08\n")), max_size=60)


def xml_of(part: Part) -> dict[str, object]:
    body = outbound.passive(part, HEAD, Format.XML, NOW)
    ElementTree.fromstring(body)  # noqa: S314 - what we wrote ourselves.
    return dict(xmltext.parse(body))


def test_a_text_goes_back_to_who_wrote() -> None:
    assert xml_of(Text(f"您好 {LINK}")) == {
        "ToUserName": OPENID,
        "FromUserName": GH_ID,
        "CreateTime": STAMP,
        "MsgType": "text",
        "Content": f"您好 {LINK}",
    }


def test_create_time_is_in_seconds() -> None:
    """Two public frameworks write milliseconds here (wechat.md §5)."""
    assert len(str(xml_of(Text("x"))["CreateTime"])) == 10


@given(TEXTS)
def test_no_text_breaks_out_of_its_element(text: str) -> None:
    expected = without_control(text).replace("\r\n", "\n").replace("\r", "\n")

    assert xml_of(Text(text))["Content"] == expected


@pytest.mark.parametrize("text", ["]]>", "a]]>b]]>", "]]]]>>", "</Content><Content>forged", "\x08\x00]]\x01>", "&lt;"])
def test_known_ways_out_of_cdata(text: str) -> None:
    fields = xml_of(Text(text))

    assert set(fields) == {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"}
    assert fields["Content"] == without_control(text)


def test_a_card_is_one_article() -> None:
    fields = xml_of(CARD)

    assert fields["MsgType"] == "news" and fields["ArticleCount"] == "1"
    assert fields["Articles"] == {
        "item": {"Title": CARD.title, "Description": CARD.text, "PicUrl": CARD.picture_url, "Url": CARD.url}
    }


def test_a_hand_off_names_the_transfer() -> None:
    assert xml_of(HandOff())["MsgType"] == "transfer_customer_service"


def test_wechatpy_writes_the_same_fields() -> None:
    for ours, theirs in (
        (xml_of(Text("您好")), create_reply("您好")),
        (xml_of(HandOff()), TransferCustomerServiceReply()),
    ):
        theirs._data.update({"ToUserName": OPENID, "FromUserName": GH_ID, "CreateTime": int(STAMP)})

        assert xmltext.parse(theirs.render().encode()) == ours


@pytest.mark.parametrize("part", [Text("您好]]>"), CARD, HandOff()])
def test_json_says_the_same_as_xml(part: Part) -> None:
    in_json = json.loads(outbound.passive(part, HEAD, Format.JSON, NOW))

    assert isinstance(in_json["CreateTime"], int)
    in_json["CreateTime"] = str(in_json["CreateTime"])
    if "ArticleCount" in in_json:
        in_json["ArticleCount"] = str(in_json["ArticleCount"])
    assert in_json == xml_of(part)


def test_a_picture_is_never_a_passive_reply() -> None:
    with pytest.raises(ValueError, match="outbox"):
        outbound.passive(PICTURE, HEAD, Format.XML, NOW)


# --- what goes into the response ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "first", "rest"),
    [
        ([], None, ()),
        ([Text("a")], Text("a"), ()),
        ([Text("a"), CARD, PICTURE], Text("a"), (CARD, PICTURE)),
        ([PICTURE, Text("a")], None, (PICTURE, Text("a"))),
        ([Text("a"), HandOff()], HandOff(), (Text("a"),)),
        ([PICTURE, HandOff(), Text("b")], HandOff(), (PICTURE, Text("b"))),
    ],
)
def test_first_and_rest(parts: list[Part], first: Part | None, rest: tuple[Part, ...]) -> None:
    assert outbound.first_and_rest(parts) == (first, rest)


# --- long texts -----------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.just(LINK), st.just("👨‍👩‍👧‍👦"))
    ).map("".join),
    st.integers(80, 200),
)
def test_pieces_fit_and_nothing_but_line_breaks_is_lost(text: str, limit: int) -> None:
    pieces = outbound.split_text(text, limit)

    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")


def test_a_text_within_the_limit_stays_one() -> None:
    assert outbound.split_text("电" * 682) == ["电" * 682]
    assert outbound.split_text("") == [""] or outbound.split_text("") == []


def test_cuts_are_made_where_a_reader_pauses() -> None:
    bills = "".join(f"{n}. 翠湖花园物业费，2026 年 {n} 月，128.50 元\n" for n in range(1, 80))

    for piece in outbound.split_text(bills):
        assert re.fullmatch(r"(\d+\. 翠湖花园物业费，2026 年 \d+ 月，128\.50 元\n?)+", piece)


def test_sentences_before_commas_and_commas_before_letters() -> None:
    assert outbound.split_text("一二三。四五，六七八九十", 30) == ["一二三。四五，", "六七八九十"]
    assert outbound.split_text("一二三四五六。七八九十", 30) == ["一二三四五六。", "七八九十"]
    assert outbound.split_text("一二三四五六七八九十甲", 30) == ["一二三四五六七八九十", "甲"]


def test_a_link_is_not_cut() -> None:
    text = "电" * 670 + LINK

    assert outbound.split_text(text) == ["电" * 670, LINK]


def test_a_link_longer_than_a_message_is_cut_all_the_same() -> None:
    pieces = outbound.split_text(f'<a href="https://pay.example/{"x" * 3000}">缴费</a>')

    assert len(pieces) == 2 and all(len(piece.encode()) <= 2048 for piece in pieces)


def test_a_family_stays_together() -> None:
    family = "👨‍👩‍👧‍👦"

    assert all(piece.count(family) * len(family) == len(piece) for piece in outbound.split_text(family * 100, 100))


def test_prepare_splits_cleans_and_drops() -> None:
    parts = outbound.prepare(Reply((Text("电" * 700), Text("\x08 "), CARD, Text(""))))

    assert parts == (Text("电" * 682), Text("电" * 18), CARD)


# --- through the outbox ---------------------------------------------------------------------------------------------


def test_customer_service_bodies() -> None:
    assert outbound.custom_body(OPENID, Text("您好")) == {
        "touser": OPENID,
        "msgtype": "text",
        "text": {"content": "您好"},
    }
    news = outbound.custom_body(OPENID, CARD)["news"]
    assert news == {
        "articles": [{"title": CARD.title, "description": CARD.text, "url": CARD.url, "picurl": CARD.picture_url}]
    }
    assert outbound.custom_image(OPENID, "M")["image"] == {"media_id": "M"}


def test_a_card_is_shortened_to_what_is_shown() -> None:
    article = outbound.custom_body(OPENID, Card("题" * 100, "文" * 300, "https://a.example/"))["news"]["articles"][0]

    assert len(article["title"]) == 64 and len(article["description"]) == 120


@given(
    st.lists(
        st.one_of(
            st.builds(Text, TEXTS),
            st.builds(Card, TEXTS, TEXTS, TEXTS, TEXTS),
            st.builds(Picture, st.binary(max_size=40), TEXTS),
            st.just(HandOff()),
        ),
        max_size=4,
    )
)
def test_parts_survive_a_job_stored_as_json(parts: list[Part]) -> None:
    job = outbound.custom_job("main", OPENID, parts, key="k", trace_id="t")

    assert [outbound.unpacked(part) for part in json.loads(json.dumps(job.payload))["parts"]] == parts
    assert (job.kind, job.key, job.dest, job.trace_id) == ("official.custom", "k", "official:main", "t")
    assert job.private and OPENID not in f"{job.key}{job.dest}"


@pytest.mark.parametrize(
    "packed", [{}, {"kind": "video"}, {"kind": "text"}, {"kind": "picture", "png": "?", "name": ""}]
)
def test_what_is_no_part_is_refused(packed: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        outbound.unpacked(packed)
