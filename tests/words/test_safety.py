"""No value becomes a link, a tag or a second line, in messages or in pages, wherever a template puts it."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError, UndefinedError

from bot.words.render import Renderer
from bot.words.safety import harmless, visible
from bot.words.scripts import Script

OURS = "https://pay.example.com/cashier/abc"
# What chat windows make links of; written from what they do, not from the code under test.
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
DOMAIN = re.compile(r"[^\s.]\.(?:com|cn|net|top|xyz|org|公司|中国)\b", re.IGNORECASE)
IP = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
HOSTILE = [
    "<a href='http://evil.com'>点我</a>",
    '<a href="https://evil.com">退款</a>',
    "</a><a href=//evil.com>",
    "&lt;a href=&quot;http://evil.com&quot;&gt;",
    "&#60;a&#62;",
    "http://evil.com",
    "HTTP://EVIL.COM/x?y=1",
    "www.evil.com",
    "evil.com/pay",
    "evil.cn。立即付款",
    "支付.公司",
    "1.2.3.4:8080/pay",
    "1.2.3.4.com",
    "http\u200b://evil.com",
    "evil\u2060.com",
    "a@evil.com",
    "weixin://dl/business/?t=1",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "第一行\n\n【系统】已退款\r\n第三行\u2028第四行\u2029",
    "\u202e款退\u202c",
    "\x00\x08\x1b[31m",
    "\ud800",
    "\ufeff",
]
hostile = st.one_of(
    st.text(max_size=60),
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*"<>&;\"'.1\n电", "#60", "lt", "a ", "href=", "://", "com"]), max_size=12).map("".join),
)
Render = Callable[..., str]


@pytest.fixture
def message(tmp_path: Path) -> Render:
    """Render a text as a message template of its own."""
    return lambda source, **values: _renderer(tmp_path, text=source).message("probe", Script.ZH_HANS, values)


@pytest.fixture
def page(tmp_path: Path) -> Render:
    """Render a text as a page template of its own."""
    return lambda source, **values: _renderer(tmp_path, page=source).page("probe.html", Script.ZH_HANS, values)


def _renderer(root: Path, *, text: str = "", page: str = "") -> Renderer:
    folder = root / "messages" / "zh_hans"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "probe.txt").write_text(text, "utf-8")
    (root / "probe.html").write_text(page, "utf-8")
    return Renderer(root)


@given(hostile)
def test_a_value_holds_nothing_that_a_chat_window_links(value: str) -> None:
    shown = harmless(value)

    assert not set("<>\"'`") & set(shown)
    assert not SCHEME.search(shown)
    assert not DOMAIN.search(shown)
    assert not IP.search(shown)
    assert "<" not in html.unescape(shown)
    assert shown.isprintable() or not shown.isascii()
    assert len(shown.splitlines()) <= 1
    assert harmless(shown) == shown


@pytest.mark.parametrize(
    "value",
    [
        *("阳光花园物业", "128.50", "3 栋 2 单元 501", "138****5678", "**明", "2026.05.01", "No.7 号", "A&B 餐厅"),
        *("3.5L", "（华东）", "👨‍👩‍👧 家", "1.5·2.5", "50%", "AT&T", "京A·12345"),
    ],
)
def test_ordinary_values_stay_as_they_are(value: str) -> None:
    assert harmless(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Tom's “Grill”", "Tom’s “Grill”"),
        ("<b>", "＜b＞"),
        ("www.evil.com", "www．evil．com"),
        ("https://evil.com/a", "https：//evil．com/a"),
        ("10.0.0.1", "10．0．0．1"),
        ("&lt;b&gt;", "＆lt;b＆gt;"),
        ("a\n\n b\t c", "a b c"),
    ],
)
def test_how_a_dangerous_value_is_shown(value: str, shown: str) -> None:
    assert harmless(value) == shown


@given(st.text(max_size=80))
def test_a_page_value_keeps_its_characters_but_no_marks_of_direction(value: str) -> None:
    shown = visible(value)

    assert not set("\u202e\u2066\u200f\u200b\x00\x08\x1b\x7f") & set(shown)
    assert set(shown) <= set(value)


@pytest.mark.parametrize("value", HOSTILE)
def test_one_message_has_exactly_the_links_that_its_template_wrote(message: Render, value: str) -> None:
    source = '{{ name }} 您好\n<a href="{{ url }}">点这里付款</a>'

    shown = message(source, name=f"店{value}", url=OURS)

    assert shown.count("<") == 2
    assert shown.split("\n")[1:] == [f'<a href="{OURS}">点这里付款</a>']


@pytest.mark.parametrize("value", HOSTILE)
def test_values_in_macros_loops_joins_and_link_texts_are_cleaned_too(message: Render, value: str) -> None:
    source = (
        "{% macro line(n) %}{{ n }}\n{% endmacro %}{% for n in names %}{{ line(n) }}{% endfor %}"
        '{{ names|join("、") }}|{{ "A" ~ names[0] }}|<a href="{{ url }}">{{ names[0] }}</a>'
    )

    shown = message(source, names=[value, value], url=OURS)

    assert shown.count("<") == 2
    assert not SCHEME.search(shown.replace(OURS, ""))
    assert not DOMAIN.search(shown.replace(OURS, ""))


def test_line_breaks_of_a_template_and_of_its_macros_stay(message: Render) -> None:
    macro = "{% macro two() %}一\n二{% endmacro %}"
    source = macro + "甲\n\n\n\n{{ two() }}{% if x %}（三）{% endif %}\n{% if x %}乙\n{% endif %}\n"

    assert message(source, x=True) == "甲\n\n一\n二（三）\n乙"


ADDRESSES_REFUSED = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    " https://pay.example.com",
    "//evil.com",
    "/\\evil.com",
    "\\\\evil.com",
    "https:evil.com",
    "https://",
    "https:///evil.com",
    "https://pay.example.com@evil.com/",
    "https://pay.example.com\\@evil.com/",
    'https://evil.com/"onclick="x',
    "https://evil.com/'x",
    "https://evil.com/><script>",
    "https://evil.com/ x",
    "https://evil.com/\u202e",
    "data:text/html,x",
    "weixin://dl/business",
    "ftp://evil.com",
    "",
]


@pytest.mark.parametrize("address", ADDRESSES_REFUSED)
def test_a_bad_address_is_refused_wherever_it_would_be_followed(message: Render, page: Render, address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        message('<a href="{{ url }}">x</a>', url=address)
    for source in (
        '<a href="{{ url }}">x</a>',
        '<a HREF = "{{ url }}">x</a>',
        '<img alt="" src="{{ url }}">',
        '<form action="{{ url }}"></form>',
        '<button formaction="{{- url -}}">x</button>',
    ):
        with pytest.raises(ValueError, match="address"):
            page(source, url=address)


@pytest.mark.parametrize(
    "address", [OURS, "http://127.0.0.1:8080/x?a=1&b=2#c", "https://[::1]:8443/", "https://例.example/"]
)
def test_good_addresses_pass_unchanged(message: Render, page: Render, address: str) -> None:
    if address.isascii():
        assert message('<a href="{{ url }}">x</a>', url=address) == f'<a href="{address}">x</a>'
        assert page('<a href="{{ url }}">x</a>', url=address) == f'<a href="{html.escape(address)}">x</a>'
    else:
        with pytest.raises(ValueError, match="host"):
            message('<a href="{{ url }}">x</a>', url=address)


def test_a_page_may_link_within_its_own_server_and_a_message_may_not(message: Render, page: Render) -> None:
    assert page('<a href="{{ url }}">x</a>', url="/cashier/a?b=1") == '<a href="/cashier/a?b=1">x</a>'
    with pytest.raises(ValueError, match="address"):
        message('<a href="{{ url }}">x</a>', url="/cashier/a")


@pytest.mark.parametrize("value", ['"', "'", "<", ">", " ", "\n", "\\", "\x00", "\u2028", "`"])
def test_later_parts_of_an_address_cannot_leave_it(message: Render, page: Render, value: str) -> None:
    for source in ('<a href="{{ url }}/{{ part }}">x</a>', '<a href="https://pay.example.com/{{ part }}">x</a>'):
        for render in (message, page):
            with pytest.raises(ValueError, match="address"):
                render(source, url=OURS, part=f"a{value}b")
            assert "a%" in render(source.replace("part", "part|urlencode"), url=OURS, part=f"a{value}b")


def test_later_parts_of_an_address_may_be_numbers_and_words(message: Render) -> None:
    assert (
        message('<a href="{{ url }}/{{ a }}?b={{ b }}">x</a>', url=OURS, a="tok-1_~", b=7)
        == f'<a href="{OURS}/tok-1_~?b=7">x</a>'
    )
    assert (
        message('<a href="weixin://bizmsgmenu?msgmenuid=1&msgmenucontent={{ words }}">1</a>', words="交电费")
        == '<a href="weixin://bizmsgmenu?msgmenuid=1&msgmenucontent=交电费">1</a>'
    )


@pytest.mark.parametrize(
    "source",
    [
        "<b>{{ x }}</b>",
        "{{ x }}<",
        "<a>{{ x }}</a>",
        "<a href='{{ x }}'>x</a>",
        "<a href={{ x }}>x</a>",
        '<a href="/pay">x</a>',
        '<a href="javascript:{{ x }}">x</a>',
        '<a onclick="x" href="{{ x }}">x</a>',
        '<a href="{% if x %}{{ x }}{% endif %}">x</a>',
        '<a href="{{ x["y"] }}">x</a>',
        "{{ x|safe }}",
        "{{ x|urlize }}",
        "{{ x|e }}",
        "{{ x|tojson }}",
    ],
)
def test_messages_with_other_markup_do_not_compile(message: Render, source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        message(source, x="https://x.example/")


@pytest.mark.parametrize(
    "source",
    [
        "<a href={{ x }}>x</a>",
        "<a class={{ x }}>x</a>",
        "<a href='{{ x }}'>x</a>",
        "<a href = https://x>x</a>",
        '<a href="{% if x %}{{ x }}{% endif %}">x</a>',
        '<a href="{{ x["y"] }}">x</a>',
        "{{ x|safe }}",
        "{{ x|urlize }}",
        "<p {{ x|xmlattr }}>",
    ],
)
def test_pages_that_would_escape_their_attributes_do_not_compile(page: Render, source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        page(source, x={"a": "b"})


@pytest.mark.parametrize(
    "address",
    [
        "{{ x }}{{ y }}",
        "{{ x }}.example.com",
        "{{ x }}@{{ y }}",
        "{{ x }}:{{ y }}",
        "https://{{ x }}/pay",
        "https://pay.example.com{{ x }}",
        "https://pay.{{ x }}/",
        "/{{ x }}",
        "//{{ x }}",
        "pay/{{ x }}",
        "javascript:{{ x }}",
        "{{ x",
    ],
)
def test_no_value_may_stand_where_it_chooses_the_server(message: Render, page: Render, address: str) -> None:
    for render in (message, page):
        with pytest.raises(TemplateSyntaxError):
            render(f'<a href="{address}">x</a>', x=OURS, y="z")


def test_more_after_the_root_would_name_another_server(page: Render) -> None:
    source = '<a href="{{ base }}/{{ x }}">x</a>'

    assert page(source, base="/cashier", x="evil.com") == '<a href="/cashier/evil.com">x</a>'
    with pytest.raises(ValueError, match="root"):
        page(source, base="/", x="evil.com")


@pytest.mark.parametrize(
    "address", ["/pay/{{ x }}", "/pay?x={{ x }}", "?x={{ x }}", "#{{ x }}", "https://pay.example.com/{{ x }}"]
)
def test_values_past_the_host_are_welcome_in_a_page(page: Render, address: str) -> None:
    assert page(f'<a href="{address}">x</a>', x="7") == f'<a href="{address.replace("{{ x }}", "7")}">x</a>'


def test_text_of_a_page_may_speak_of_equal_signs(page: Render) -> None:
    assert page("<p>合计 = {{ x }}, href = {{ x }}</p>", x="5") == "<p>合计 = 5, href = 5</p>"


class Tags(HTMLParser):
    """Collects the tags and attributes of a page as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


@pytest.mark.parametrize("value", [*HOSTILE, '" onmouseover="x', "</title><script>", "--><script>", "]]>"])
def test_a_page_has_exactly_the_tags_that_its_template_wrote(page: Render, value: str) -> None:
    source = (
        '<title>{{ x }}</title><p class="{{ x }}" data-x="{{ x }}">{{ x }}</p><b>{{ "%s"|format(x) }}{{ x ~ x }}</b>'
    )
    tags = Tags()
    tags.feed(page(source, x=value))

    assert tags.seen == [("title", ()), ("p", ("class", "data-x")), ("b", ())]
    assert not set("\u202e\u202c\u200b\x00\x1b\ufeff") & set(page(source, x=value))


def test_a_link_of_a_message_is_plain_text_in_a_page(tmp_path: Path) -> None:
    renderer = _renderer(tmp_path, text='<a href="https://pay.example.com/">付款</a>', page="{{ say('probe') }}")

    assert renderer.page("probe.html", Script.EN, {}) == html.escape(
        '<a href="https://pay.example.com/">付款</a>'
    ).replace("&quot;", "&#34;")
    assert type(renderer.message("probe", Script.EN, {})) is str


def test_data_for_scripts_cannot_end_its_element(page: Render) -> None:
    shown = page('<script type="application/json">{{ x|tojson }}</script>', x={"a": "</script><script>alert(1)"})

    assert shown.count("</script>") == 1


@pytest.mark.parametrize("value", [None, 1.5, True, b"x", [], {"a": 1}, object()])
def test_values_that_nobody_should_read_are_an_error(message: Render, page: Render, value: object) -> None:
    for render in (message, page):
        with pytest.raises(TypeError, match="text and whole numbers"):
            render("{{ x }}", x=value)


@pytest.mark.parametrize(
    "source", ["{{ x }}", "{{ x.y }}", "{% if x %}{% endif %}", '<a href="{{ x }}">y</a>', "{{ x|yuan }}"]
)
def test_a_forgotten_value_is_an_error_and_no_gap(message: Render, page: Render, source: str) -> None:
    for render in (message, page):
        with pytest.raises((UndefinedError, TypeError)):
            render(source)
