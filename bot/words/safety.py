"""Keeps values from becoming markup: what a customer typed or a biller is called can never make a link or a tag.

Two places know nothing of HTML escaping and need their own rule. A WeChat text message shows ``&lt;`` as it stands,
yet turns ``<a href>`` and bare addresses into links; so there the characters themselves are replaced by full-width
ones. And an address attribute is harmless only if its scheme is; so there each value is checked, whether or not the
author of the template thought of it, because the source is rewritten before it is compiled.
"""

import re
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, Undefined
from jinja2.ext import Extension
from markupsafe import Markup, escape

from bot.kernel.text import without_control

# Direction and format marks, which can make a text read as another one. The joiner of emoji (200d) is not among them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_FULL_WIDTH: Final = str.maketrans({"<": "＜", ">": "＞", '"': "＂", "'": "’", "`": "‘"})
# Some readers decode an entity without its semicolon.
_ENTITY: Final = re.compile(r"&(?=#|[lg]t|quot|apos|amp|\w{1,32};)", re.IGNORECASE)
# Chat windows link ``scheme://``, names that end in a top-level domain, and bare IPv4 addresses; amounts stay.
_DOMAIN_DOT: Final = re.compile(r"(?<=\S)\.(?=[^\W\d_])")
# What no rule here changes, told by one look: words and amounts, the usual values.
_WORD: Final = r"[\u4e00-\u9fff0-9A-Za-z*，。（）：、·-]+"
_HARMLESS: Final = re.compile(rf"{_WORD}(?: {_WORD})*|-?[0-9]+\.[0-9][0-9]")
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3,}", re.ASCII)


def harmless(text: str) -> str:
    """Return the text on one line, as people read it, in a form that no chat window makes a link or a tag of."""
    if _HARMLESS.fullmatch(text):
        return text
    line = " ".join(visible(text).split())
    line = _ENTITY.sub("＆", line.translate(_FULL_WIDTH)).replace("://", "：//")
    return _IPV4.sub(lambda found: found[0].replace(".", "．"), _DOMAIN_DOT.sub("．", line))


def visible(text: str) -> str:
    """Return the text without control characters and without marks that show it in another order."""
    return _INVISIBLE.sub("", without_control(text))


def message_value(value: object) -> Markup:
    """Finalise one ``{{ }}`` of a message. Raises TypeError for what no message should show (None, a float …)."""
    if isinstance(value, Markup):
        return value  # From a macro of ours: its own values have been through here.
    return Markup(harmless(_shown(value)))  # noqa: S704  # Marked so that Jinja does not escape it for HTML.


def page_value(value: object) -> str:
    """Finalise one ``{{ }}`` of a page; Jinja's autoescape follows. Raises TypeError as ``message_value`` does."""
    return value if isinstance(value, Markup) else visible(_shown(value))


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined):
        return str(value)  # Raises, naming the variable: both environments are strict.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a template shows text and whole numbers, not {type(value).__name__}: use a filter")


# Anything that could end the attribute, be trimmed by a reader, or change the meaning of the start is left out.
_ADDRESS_PART: Final = re.compile(r"[\w\-.~:/?#\[\]@!$&()*+,;=%]*")
_ABSOLUTE: Final = re.compile(r"https?://[\w\-.\[\]:]+(?:[/?#].*)?", re.ASCII)
_ROOTED: Final = re.compile(r"/(?![/\\]).*")


def _address_part(value: object) -> str:
    text = _shown(value)
    if _ADDRESS_PART.fullmatch(text) is None:
        raise ValueError("this value does not belong into an address unless it is passed through urlencode")
    return text


def _absolute(value: object) -> str:
    text = _address_part(value)
    if _ABSOLUTE.fullmatch(text) is None:
        raise ValueError("an address begins with http:// or https:// and a host")
    return text


def _absolute_or_rooted(value: object) -> str:
    text = _address_part(value)
    return text if _ROOTED.fullmatch(text) else _absolute(text)


def _absolute_or_base(value: object) -> str:
    """Check what more will follow: ``/`` before ``/x`` would name another server."""
    text = _absolute_or_rooted(value)
    if text == "/":
        raise ValueError("an address that more is added to does not end at the root")
    return text


_EXPRESSION: Final = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
_STATEMENT: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ADDRESS: Final = re.compile(r'(?<![\w-])((?:href|src|action|formaction)\s*=\s*)"([^"]*)"', re.IGNORECASE)
# How an address may begin before its first value: past the host, for a value there could still choose another one.
# The second of a message is WeChat's own kind of link, which sends words back as if the customer had typed them.
_MESSAGE_HEAD: Final = re.compile(r"https?://[^\s{}/?#]+(?:[/?#]|$)|weixin://bizmsgmenu\?")
_PAGE_HEAD: Final = re.compile(r"https?://[^\s{}/?#]+[/?#]|/[^/\\{]|[?#]")
_MESSAGE_TAG: Final = re.compile(r'<a(?: (?:href|data-miniprogram-[a-z]+)="[^"<>]*")+>|</a>')
_IN_TAG: Final = r"<[a-zA-Z][^<>]*?\s"
_UNQUOTED: Final = re.compile(
    _IN_TAG + r"(?:[\w:-]+\s*=\s*\{\{|(?:href|src|action|formaction)\s*=\s*[^\s\"])", re.IGNORECASE
)


class MessageLinks(Extension):
    """Allows messages no markup but ``<a href="…">``, and puts each value inside an address through a check."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # No HTML escaping here: a message is not HTML, and the check has let nothing through that could end the tag.
        environment.filters["address_head"] = lambda value: Markup(_absolute(value))  # noqa: S704
        environment.filters["address_base"] = environment.filters["address_head"]
        environment.filters["address_part"] = lambda value: Markup(_address_part(value))  # noqa: S704

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        bare = _EXPRESSION.sub("V", _STATEMENT.sub("", source))
        if "<" in _MESSAGE_TAG.sub("", bare):
            raise TemplateSyntaxError('a message holds no markup but <a href="…">…</a>', 1, name, filename)
        for address in _ADDRESS.finditer(source):
            if not address[2].startswith("{{") and not _MESSAGE_HEAD.match(address[2]):
                raise TemplateSyntaxError("a message's link is absolute", 1, name, filename)
        return _guarded(source, _MESSAGE_HEAD, name, filename)


class PageLinks(Extension):
    """Puts each value inside an address attribute of a page through a check, and demands quotes around attributes."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["address_head"] = lambda value: escape(_absolute_or_rooted(value))
        environment.filters["address_base"] = lambda value: escape(_absolute_or_base(value))
        environment.filters["address_part"] = lambda value: escape(_address_part(value))

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        bare = _STATEMENT.sub("", source)
        if _UNQUOTED.search(bare):
            raise TemplateSyntaxError("attributes stand in double quotes", 1, name, filename)
        return _guarded(source, _PAGE_HEAD, name, filename)


def _guarded(source: str, head: re.Pattern[str], name: str | None, filename: str | None) -> str:
    """Return the source in which each value of an address attribute passes through its check."""

    def guard(attribute: re.Match[str]) -> str:
        value = attribute[2]
        if rule := _broken_rule(value, head):
            raise TemplateSyntaxError(rule, 1, name, filename)
        if value.startswith("{{"):
            end = value.index("}}") + 2
            first, rest = value[:end], value[end:]
            return f'{attribute[1]}"{_checked(first, "address_base" if rest else "address_head")}{_parts(rest)}"'
        return f'{attribute[1]}"{_parts(value)}"'

    return _ADDRESS.sub(guard, source)


def _broken_rule(value: str, head: re.Pattern[str]) -> str:
    """Return what is wrong with the source of an address attribute; empty where nothing is."""
    if "{%" in value or value.count("{{") != value.count("}}"):
        return "an address holds plain {{ }} only, with single quotes inside"
    if value.startswith("{{"):
        rest = value[value.index("}}") + 2 :]
        return "" if not rest or rest[0] in "/?#" else "after the base of an address comes /, ? or #"
    if "{{" in value and not head.match(value.partition("{{")[0]):
        return "an address begins past its host before its first value"
    return ""


def _parts(source: str) -> str:
    return _checked(source, "address_part")


def _checked(source: str, check: str) -> str:
    return _EXPRESSION.sub(rf"{{{{\1(\2)|{check}\3}}}}", source)
