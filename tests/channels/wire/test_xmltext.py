"""The XML reader keeps what was sent, within its bounds, and both of its ways read alike."""

import string
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.wire import xmltext
from bot.channels.wire.fields import BYTES_MAX, ELEMENTS_MAX
from bot.kernel.errors import BadRequest, BotError, TooLarge
from bot.kernel.text import without_control

NAMES = st.text("ABCxyz_09", min_size=1, max_size=4)
SPECIAL = ["]]>", "<![CDATA[", "<", ">", "&", "</A>", "\r", "\x0b", "\uffff", "\xa0", " "]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from([*SPECIAL, "a", "电"]), max_size=5).map("".join),
)
# Documents near to what WeChat writes, right and wrong in every way that a writer could be.
PIECES = st.one_of(
    NAMES.map(lambda name: f"<{name}>"),
    NAMES.map(lambda name: f"</{name}>"),
    NAMES.map(lambda name: f"<{name}/>"),
    NAMES.map(lambda name: f"<{name} a='1'>"),
    TEXTS.map(lambda text: f"<![CDATA[{text}]]>"),
    TEXTS,
    st.sampled_from(
        ["<", ">", "&", "]]>", "&amp;", "&#65;", "&#0;", "<!-- -->", "<?p?>", "<!DOCTYPE x>", " ", "\n", "\r\n"]
    ),
)
FIELDS = st.builds(
    lambda name, text, data, space: f"<{name}>{f'<![CDATA[{text}]]>' if data else text}</{name}>{space}",
    NAMES,
    TEXTS,
    st.booleans(),
    st.sampled_from(["", "\n", "  ", "\r\n", "\xa0", "x"]),
)
DOCUMENTS = st.lists(st.one_of(FIELDS, PIECES), max_size=8).map(lambda parts: f"<xml>{''.join(parts)}</xml>")


def read(document: str) -> object:
    return xmltext.parse(document.encode())


@given(DOCUMENTS)
def test_the_quick_way_reads_nothing_differently(document: str) -> None:
    body = document.encode()
    quick = xmltext.parse_flat(body)

    if quick is not None:
        assert quick == xmltext.parse_any(body)


@given(DOCUMENTS)
def test_what_we_read_another_reader_reads_too(document: str) -> None:
    try:
        fields = read(document)
    except BadRequest:
        return
    assert isinstance(fields, dict)
    for child in ElementTree.fromstring(document):  # noqa: S314 - our own parser accepted it before.
        if not len(child):
            values = fields[child.tag]
            assert (child.text or "") in (values if isinstance(values, list) else [values])


@given(st.binary(max_size=200))
def test_garbage_raises_only_our_own_refusal(body: bytes) -> None:
    try:
        xmltext.parse(body)
    except BotError as refusal:
        assert 400 <= refusal.http_status < 500


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=6), TEXTS, min_size=1, max_size=6))
def test_what_we_write_we_read(fields: dict[str, str]) -> None:
    inside = "".join(f"<{name}>{xmltext.cdata(text)}</{name}>" for name, text in fields.items())
    # XML itself turns carriage returns into line feeds.
    expected = {name: without_control(text).replace("\r\n", "\n").replace("\r", "\n") for name, text in fields.items()}

    assert read(f"<xml>{inside}</xml>") == expected


@pytest.mark.parametrize("how", [xmltext.parse, xmltext.parse_any])
def test_whitespace_and_emptiness_are_kept(how: object) -> None:
    document = "<xml>\n <A><![CDATA[  hi \n ]]></A>\n <B><![CDATA[]]></B><C></C><D> </D>\n</xml>\n"

    assert how(document.encode()) == {"A": "  hi \n ", "B": "", "C": "", "D": " "}  # type: ignore[operator]


def test_an_empty_element_is_an_empty_text() -> None:
    assert read("<xml><A/><B><C/></B></xml>") == {"A": "", "B": {"C": ""}}


def test_repeated_elements_become_a_list() -> None:
    assert read("<xml><L><I>1</I><I>2</I><I>3</I></L><L/></xml>") == {"L": [{"I": ["1", "2", "3"]}, ""]}


def test_entities_of_xml_itself_and_split_cdata_are_read() -> None:
    assert read("<xml><A>&lt;a&gt;&amp;&#20013;</A><B><![CDATA[x]]]]><![CDATA[>y]]></B></xml>") == {
        "A": "<a>&中",
        "B": "x]]>y",
    }


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE lolz [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><A>&b;</A></xml>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><A>&x;</A></xml>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/x">%p;]><xml><A>1</A></xml>',
        "<!DOCTYPE xml><xml><A>1</A></xml>",
        "<xml><A>&undefined;</A></xml>",
    ],
)
def test_doctype_and_entities_are_refused(document: str) -> None:
    with pytest.raises(BadRequest):
        read(document)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "garbage",
        '{"A":"1"}',
        "<xml/>",
        "<xml></xml>",
        "<xml>text</xml>",
        "<other><A>1</A></other>",
        "<xml><A>1</A>",
        "<xml><A>1</B></xml>",
        "<xml><A>\x08</A></xml>",
        "<xml><A>1</A>mixed</xml>",
        "<xml>mixed<A>1</A></xml>",
        "<xml><A>1</A></xml><xml/>",
    ],
)
def test_what_is_no_message_is_refused(document: str) -> None:
    with pytest.raises(BadRequest):
        read(document)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(BadRequest):
        xmltext.parse("<xml><A>电费</A></xml>".encode("gb18030"))


def test_an_encoding_that_the_document_claims_is_not_believed() -> None:
    document = '<?xml version="1.0" encoding="gbk"?><xml><A>电费</A></xml>'

    assert read(document) == {"A": "电费"}


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> str:
        return "<xml>" + "<a>" * (depth - 1) + "x" + "</a>" * (depth - 1) + "</xml>"

    assert read(nested(16))
    with pytest.raises(BadRequest, match="deep"):
        read(nested(17))
    started = time.process_time()
    with pytest.raises(BadRequest, match="deep"):
        read(nested(100_000))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("element", ["<a/>", "<b>1</b>"])
def test_elements_are_bounded(element: str) -> None:
    with pytest.raises(BadRequest, match="elements"):
        read("<xml>" + element * (ELEMENTS_MAX + 1) + "</xml>")


def test_size_is_bounded() -> None:
    with pytest.raises(TooLarge):
        xmltext.parse(b"<xml><A>" + b"x" * BYTES_MAX + b"</A></xml>")


def test_the_quick_way_takes_the_usual_message() -> None:
    """Otherwise the property above would prove nothing."""
    assert xmltext.parse_flat("<xml><A><![CDATA[交]]></A>\n<B>1</B></xml>".encode()) == {"A": "交", "B": "1"}
