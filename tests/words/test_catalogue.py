"""The catalogue of messages is whole: every code in Simplified, every gap elsewhere declared, every text well made."""

import re
from pathlib import Path

import pytest
from jinja2 import meta, nodes

from bot.words.render import FALLBACK, FALLBACK_LIST, Renderer, default_renderer
from bot.words.scripts import SIMPLIFIED, TRADITIONAL, Script

OTHERS = [script for script in Script if script is not FALLBACK]
MESSAGES = default_renderer().root / "messages"
FILES = sorted(path for path in MESSAGES.rglob("*.txt") if path.name != FALLBACK_LIST)
_CODE_LINES = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
# WeChat cuts a text message at 2,048 bytes (wechat.md); the rest is for the values.
WORDS_BYTES_MAX = 1200


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return default_renderer()


def declared(script: Script) -> list[str]:
    """Return the codes that a script leaves to the fallback on purpose."""
    path = MESSAGES / script.value / FALLBACK_LIST
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [code for line in lines if (code := line.partition("#")[0].strip())]


def test_every_template_compiles(renderer: Renderer) -> None:
    assert renderer.compile_all() > len(FILES)


@pytest.mark.parametrize("script", OTHERS)
def test_every_code_of_another_script_exists_in_simplified(renderer: Renderer, script: Script) -> None:
    assert sorted(renderer.codes[script] - renderer.codes[FALLBACK]) == []


@pytest.mark.parametrize("script", OTHERS)
def test_a_missing_code_is_declared_and_a_declared_one_is_missing(renderer: Renderer, script: Script) -> None:
    """To mend a failure, write the file or name the code in ``_fallback.txt``, or take it out of there."""
    missing = renderer.codes[FALLBACK] - renderer.codes[script]

    assert sorted(missing - set(declared(script))) == [], f"neither written in {script.value} nor declared"
    assert sorted(set(declared(script)) - missing) == [], f"declared in {script.value} for nothing"
    assert len(declared(script)) == len(set(declared(script)))


def variables(renderer: Renderer, path: Path) -> set[str]:
    """Return the values that a template asks for, and the filters and attributes with which it reads them."""
    environment = renderer._messages
    tree = environment.parse(path.read_text("utf-8"))
    filters = {f"|{found.name}" for found in tree.find_all(nodes.Filter)} & {"|yuan", "|day", "|moment", "|clock_time"}
    return meta.find_undeclared_variables(tree) | filters


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_script_shows_the_same_values(renderer: Renderer, path: Path) -> None:
    original = MESSAGES / FALLBACK.value / path.name
    if path != original and not path.name.startswith("_"):
        assert variables(renderer, path) == variables(renderer, original)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_words_of_each_message_are_in_its_script(path: Path) -> None:
    source = path.read_text("utf-8")
    words = _CODE_LINES.sub("", source)
    foreign = {"zh_hans": TRADITIONAL, "zh_hant": SIMPLIFIED, "en": SIMPLIFIED | TRADITIONAL}[path.parent.name]

    assert sorted(set(words) & foreign) == []
    assert len(words.encode()) <= WORDS_BYTES_MAX
    assert "\t" not in source
    assert not any(line != line.rstrip() for line in source.splitlines())


@pytest.mark.parametrize("script", list(Script))
def test_the_folder_holds_nothing_else(script: Script) -> None:
    assert [path.name for path in (MESSAGES / script.value).iterdir() if path.suffix != ".txt"] == []
