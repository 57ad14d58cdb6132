"""Renders the words of a reply and the pages of the cashier from the files under ``templates/``.

To add a message: write ``templates/messages/zh_hans/<code>.txt`` (lower-case letters, digits, ``_`` and ``.``), then
the same file under ``zh_hant`` and ``en``; a code that stays without one is named, with its reason, in that folder's
``_fallback.txt`` and answered in zh_hans until it has one. Values are cleaned on the way in (see ``safety``): write
``{{ payee }}``, never an escape. The only markup is a link, ``<a href="{{ url }}">…</a>``; its address is checked.
Line breaks of the file are those of the message, those of a value become spaces: pass lists as lists and loop. Shared
pieces are macros in ``_<name>.txt``, imported by their path from ``templates/``.

To add a page: write ``templates/<room>/<name>.html`` that extends ``base/layout.html`` and fills its blocks ``title``
and ``content`` (and ``actions``, ``script``); the classes are listed at the head of ``base/weui.css``, ready pieces in
``base/parts.html``. Values are escaped for HTML; addresses in ``href``, ``src`` and ``action`` are checked. ``say``
renders a message's words inside a page. No ``style=`` and no ``on…=`` attribute: the policy refuses both. A script is
a file ``<room>/<name>.js`` put in by ``<script>{{ inline('<room>/<name>.js') }}</script>``, and gets its data from
``<script type="application/json" id="data">{{ data|tojson }}</script>``.

Rendering is synchronous: a page takes about 0.1 ms, and Jinja's asynchronous mode is slower (reliability.md §4(h)).
Compiled templates are kept in the process for good. A cache of bytecode on disk would save 2 ms a template once, at
start, and have every process execute what lies in a folder that others may write to.
"""

import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.kernel.errors import Misconfigured
from bot.words.assets import Assets, load_assets
from bot.words.filters import FILTERS, HTML_FILTERS, UNSAFE_FILTERS
from bot.words.safety import MessageLinks, PageLinks, message_value, page_value
from bot.words.scripts import Script

FALLBACK: Final = Script.ZH_HANS
FALLBACK_LIST: Final = "_fallback.txt"
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_]*(?:\.[a-z0-9_]+)*", re.ASCII)
_BLANK_LINES: Final = re.compile(r"\n(?:[ \t]*\n){2,}")


class UnknownMessage(LookupError):
    """No script has words for this code: a mistake in the program, found by the tests of the catalogue."""


class Renderer:
    """The templates of one folder, compiled as they are first used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.assets: Assets = load_assets(root)
        self.codes: Mapping[Script, frozenset[str]] = {script: _codes(root, script) for script in Script}
        self._messages = _environment(root, MessageLinks)
        self._pages = _environment(root, PageLinks)
        self._pages.globals["inline"] = self.assets.inline

    def message(self, code: str, script: Script, values: Mapping[str, object]) -> str:
        """Return the words of a message, without blank ends. Raises UnknownMessage, and what its template raises."""
        for candidate in (script, FALLBACK):
            if code in self.codes[candidate]:
                template = self._messages.get_template(f"messages/{candidate.value}/{code}.txt")
                return _BLANK_LINES.sub("\n\n", template.render(values)).strip()
        raise UnknownMessage(code)

    def page(self, name: str, script: Script, values: Mapping[str, object]) -> str:
        """Return a page. Besides the values it knows ``lang``, ``script`` and ``say(code, **values)``."""

        def say(code: str, /, **own: object) -> str:
            return self.message(code, script, own)

        return self._pages.get_template(name).render({**values, "lang": script.tag, "script": script, "say": say})

    def compile_all(self) -> int:
        """Compile every template and return their number, so that a broken one stops the start and no customer."""
        texts = self._messages.list_templates(extensions=["txt"])
        pages = self._pages.list_templates(extensions=["html"])
        for environment, names in ((self._messages, texts), (self._pages, pages)):
            for name in names:
                if not name.endswith(FALLBACK_LIST):
                    environment.get_template(name)
        return len(texts) + len(pages)


def templates_root() -> Path:
    """Return the folder of templates: inside the installed package, else beside it in a checkout.

    Raises Misconfigured where there is neither.
    """
    package = Path(str(files("bot")))
    for candidate in (package / "templates", package.parent / "templates"):
        if (candidate / "messages").is_dir():
            return candidate
    raise Misconfigured("templates_missing", "install the wheel, or run from a checkout")


@functools.cache
def default_renderer() -> Renderer:
    """Return the renderer of the shipped templates; made once a process."""
    return Renderer(templates_root())


def render_message(code: str, script: Script | str, /, **values: object) -> str:
    """Return the words for ``code`` in the customer's script. Raises UnknownMessage, or UndefinedError for a gap."""
    return default_renderer().message(code, Script(script), values)


def say(code: str, script: Script | str, values: Mapping[str, object]) -> str:
    """Render as ``render_message`` does, in the shape in which the dialogue is given its words."""
    return default_renderer().message(code, Script(script), values)


def render_page(name: str, script: Script | str, /, **values: object) -> str:
    """Return the page ``templates/<name>``. Raises TemplateNotFound, or UndefinedError for a missing value."""
    return default_renderer().page(name, Script(script), values)


def has_message(code: str) -> bool:
    """Tell whether there are words for this code, as for an error's that may have none of its own."""
    return code in default_renderer().codes[FALLBACK]


def _codes(root: Path, script: Script) -> frozenset[str]:
    """Return the codes of one script. Raises Misconfigured for a file that no code can name."""
    found = {path.name.removesuffix(".txt") for path in (root / "messages" / script.value).glob("[!_]*.txt")}
    odd = sorted(code for code in found if _CODE.fullmatch(code) is None)
    if odd:
        raise Misconfigured("message_name", f"rename messages/{script.value}/{odd[0]}.txt")
    return frozenset(found)


def _environment(root: Path, links: type[MessageLinks] | type[PageLinks]) -> Environment:
    message = links is MessageLinks
    environment = Environment(
        loader=FileSystemLoader(root, encoding="utf-8"),
        # For messages too: it is what marks the output of a macro as done, so that it is not cleaned twice.
        autoescape=True,
        finalize=message_value if message else page_value,
        undefined=StrictUndefined,
        extensions=[links],
        # In a message every line break is the author's; in a page they only make it longer.
        trim_blocks=not message,
        lstrip_blocks=not message,
        cache_size=-1,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    for name in (*UNSAFE_FILTERS, *(HTML_FILTERS if message else ())):
        del environment.filters[name]
    return environment
