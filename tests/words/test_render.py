"""Templates are found in a checkout and in a wheel, chosen by script, and rendered the same by every process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from bot.kernel.errors import Misconfigured
from bot.words import render
from bot.words.render import Renderer, UnknownMessage
from bot.words.scripts import Script


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(
        tmp_path / "templates",
        {
            "messages/zh_hans/paid.txt": "已付 {{ fen|yuan }} 元",
            "messages/zh_hans/only.hans.txt": "只有简体",
            "messages/zh_hant/paid.txt": "已付 {{ fen|yuan }} 元（繁）",
            "messages/zh_hant/_fallback.txt": "only.hans  # Not yet.\n",
            "messages/zh_hans/_macros.txt": "{% macro twice(x) %}{{ x }}\n{{ x }}{% endmacro %}",
            "messages/zh_hans/uses.txt": "{% from 'messages/zh_hans/_macros.txt' import twice %}{{ twice(x) }}",
            "room/page.html": "<p lang=\"{{ lang }}\">{{ x }}</p>{{ say('paid', fen=5) }}<i>{{ say('uses', x=x) }}</i>",
        },
    )


@pytest.fixture
def renderer(root: Path) -> Renderer:
    return Renderer(root)


@pytest.mark.parametrize(
    ("code", "script", "words"),
    [
        ("paid", Script.ZH_HANS, "已付 128.50 元"),
        ("paid", Script.ZH_HANT, "已付 128.50 元（繁）"),
        ("paid", Script.EN, "已付 128.50 元"),
        ("only.hans", Script.ZH_HANT, "只有简体"),
    ],
)
def test_the_customers_script_is_used_and_simplified_where_it_is_missing(
    renderer: Renderer, code: str, script: Script, words: str
) -> None:
    assert renderer.message(code, script, {"fen": 12850}) == words


@pytest.mark.parametrize("code", ["nothing", "", "_macros", "../zh_hans/paid", "paid.txt", "PAID", "_fallback"])
def test_an_unknown_code_is_an_error_whatever_it_looks_like(renderer: Renderer, code: str) -> None:
    with pytest.raises(UnknownMessage):
        renderer.message(code, Script.ZH_HANT, {"fen": 1})


def test_a_page_knows_its_language_and_the_words_of_messages(renderer: Renderer) -> None:
    shown = renderer.page("room/page.html", Script.ZH_HANT, {"x": "<b>"})

    assert shown == '<p lang="zh-Hant">&lt;b&gt;</p>已付 0.05 元（繁）<i>＜b＞\n＜b＞</i>'


def test_a_value_cannot_pretend_to_be_the_language(renderer: Renderer) -> None:
    shown = renderer.page("room/page.html", Script.EN, {"x": "1", "lang": "xx", "say": "yy"})

    assert shown.startswith('<p lang="en">')


@pytest.mark.parametrize("name", ["nothing.html", "../../etc/passwd", "/etc/passwd"])
def test_a_page_outside_the_templates_is_not_found(renderer: Renderer, name: str) -> None:
    with pytest.raises(TemplateNotFound):
        renderer.page(name, Script.ZH_HANS, {})


def test_everything_compiles_at_start_or_the_start_stops(root: Path) -> None:
    assert Renderer(root).compile_all() == 7
    write(root, {"messages/zh_hans/broken.txt": "{% if %}"})
    with pytest.raises(TemplateSyntaxError):
        Renderer(root).compile_all()


@pytest.mark.parametrize("name", ["Bad.txt", "a b.txt", "a..b.txt", "付款.txt", ".hidden.txt"])
def test_a_file_that_no_code_can_name_stops_the_start(root: Path, name: str) -> None:
    write(root, {f"messages/zh_hans/{name}": "x"})
    with pytest.raises(Misconfigured) as caught:
        Renderer(root)
    assert caught.value.code == "message_name"


def test_templates_are_compiled_once_and_served_from_memory(renderer: Renderer, root: Path) -> None:
    first = renderer.message("paid", Script.ZH_HANS, {"fen": 1})
    write(root, {"messages/zh_hans/paid.txt": "changed"})

    assert renderer.message("paid", Script.ZH_HANS, {"fen": 1}) == first


def test_threads_render_at_the_same_time(renderer: Renderer) -> None:
    gate = threading.Barrier(4)

    def one(fen: int) -> str:
        if fen < 4:
            gate.wait(timeout=5)
        return renderer.message("paid", Script.ZH_HANS, {"fen": fen})

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(300))) == [f"已付 {fen // 100}.{fen % 100:02d} 元" for fen in range(300)]


def test_style_and_script_files_are_inlined_and_named_by_their_digest(root: Path) -> None:
    css = "/* why */\n.a , .b { color : red;\n  margin: 0 1px }\n"
    page = "<style>{{ inline('room/a.css') }}</style><script>{{ inline('room/a.js') }}</script>"
    write(root, {"room/a.css": css, "room/a.js": "\nlet a = 1 < 2; // x\n", "room/inline.html": page})
    renderer = Renderer(root)

    shown = renderer.page("room/inline.html", Script.EN, {})

    assert shown == "<style>.a,.b{color : red;margin: 0 1px}</style><script>let a = 1 < 2; // x</script>"
    assert renderer.assets.style_sources.startswith("'sha256-")
    assert renderer.assets.style_sources != renderer.assets.script_sources
    with pytest.raises(KeyError):
        renderer.assets.inline("room/other.css")


@pytest.mark.parametrize("text", ["a </style> b", "'</SCRIPT>'", "x <!-- y"])
def test_a_file_that_would_end_its_element_stops_the_start(root: Path, text: str) -> None:
    write(root, {"room/a.js": text})
    with pytest.raises(ValueError, match=r"room/a\.js"):
        Renderer(root)


def test_the_checkouts_templates_are_found() -> None:
    assert render.templates_root() == Path(__file__).resolve().parents[2] / "templates"


def test_an_installed_packages_templates_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "bot"
    write(package / "templates", {"messages/zh_hans/a.txt": "a"})
    write(package.parent / "templates", {"messages/zh_hans/a.txt": "another program's"})
    monkeypatch.setattr(render, "files", lambda name: package.parent / name)

    assert render.templates_root() == package / "templates"


def test_without_templates_the_start_stops_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "files", lambda name: tmp_path / name)
    with pytest.raises(Misconfigured, match="checkout"):
        render.templates_root()


def test_the_module_s_functions_use_the_shipped_templates() -> None:
    assert render.default_renderer() is render.default_renderer()
    assert render.has_message("menu")
    assert not render.has_message("no.such.code")
    options = [SimpleNamespace(label="交电费")]
    assert "1. 交电费" in render.render_message("menu", "zh_hans", options=options)
    assert render.say("menu", "zh_hans", {"options": options}) == render.render_message(
        "menu", Script.ZH_HANS, options=options
    )
    with pytest.raises(ValueError, match="klingon"):
        render.render_message("menu", "klingon", options=options)
    with pytest.raises(UndefinedError):
        render.render_message("menu", "zh_hans")


def test_values_may_be_called_as_the_parameters_are(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    write(root, {"messages/zh_hans/names.txt": "{{ code }} {{ script }} {{ name }}"})
    monkeypatch.setattr(render, "default_renderer", lambda: Renderer(root))

    assert render.render_message("names", "zh_hans", code="a", script="b", name="c") == "a b c"
    assert render.render_page("room/page.html", "en", x="y", name="z", code="w").startswith('<p lang="en">y')
