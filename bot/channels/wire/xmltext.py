"""WeChat's XML: read within fixed bounds, written as CDATA that no text can leave."""

import re
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from bot.channels.wire.fields import BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Fields, Value
from bot.kernel.errors import BadRequest, TooLarge
from bot.kernel.text import without_control

_OPENING: Final = "<xml>"
_CLOSING: Final = "</xml>"
_SPACE: Final = re.compile(r"[ \t\n]*")
# One field as WeChat itself writes it; everything else that XML allows is left to expat.
_FIELD: Final = re.compile(
    r"<([A-Za-z_][0-9A-Za-z_]*)>"
    r"(?:<!\[CDATA\[([^]]*(?:](?!]>)[^]]*)*)]]>|([^<>&]*))"
    r"</\1>[ \t\n]*"
)
# XML forbids these bytes of UTF-8, and of a carriage return it makes a line feed; expat knows.
_CONTROL: Final = bytes((*range(0x09), *range(0x0B, 0x20)))
_FFFE: Final = "\ufffe".encode()
_FFFF: Final = "\uffff".encode()


def parse(body: bytes) -> Fields:
    """Return the fields inside ``<xml>``; texts keep every space, an empty element is ``""``.

    A name that occurs again turns its value into a list. Raises TooLarge above 1 MiB and BadRequest for all else that
    is not one bounded UTF-8 document.
    """
    if len(body) > BYTES_MAX:
        raise TooLarge("message_too_large")
    flat = parse_flat(body)
    return parse_any(body) if flat is None else flat


def parse_flat(body: bytes) -> Fields | None:
    """Return the fields of the plain form in which nearly all messages come; None leaves the document to expat.

    Twice in a safe-mode message this saves about half of expat's time, most of which is spent in calling back into
    Python (docs/decisions/0004). It accepts nothing that expat would read differently; a property test holds it to
    that.
    """
    if len(body.translate(None, _CONTROL)) != len(body) or _FFFE in body or _FFFF in body:
        return None
    try:
        document = body.decode()
    except UnicodeDecodeError:
        return None
    if not document.startswith(_OPENING):
        return None
    fields: dict[str, Value] = {}
    at = _end_of_space(document, len(_OPENING))
    for found in _FIELD.finditer(document, at):
        name, data, plain = found.groups()
        if found.start() != at or name in fields or len(fields) >= ELEMENTS_MAX:
            return None
        fields[name] = plain if data is None else data
        at = found.end()
    if not fields or not document.startswith(_CLOSING, at):
        return None
    return fields if _end_of_space(document, at + len(_CLOSING)) == len(document) else None


def _end_of_space(document: str, at: int) -> int:
    space = _SPACE.match(document, at)
    return at if space is None else space.end()


class _Tree:
    """What expat's callbacks build; a class of closures would read no better and this one is quick enough."""

    __slots__ = ("elements", "open", "text")

    def __init__(self) -> None:
        self.open: list[dict[str, Value] | None] = [{}]
        self.text = ""
        self.elements = 0

    def start(self, _name: str, _attributes: object) -> None:
        self._leave_text()
        self.elements += 1
        if len(self.open) > DEPTH_MAX:
            raise BadRequest("xml_too_deep")
        if self.elements > ELEMENTS_MAX:
            raise BadRequest("xml_too_many_elements")
        if self.open[-1] is None:
            self.open[-1] = {}
        self.open.append(None)

    def data(self, text: str) -> None:
        self.text += text

    def end(self, name: str) -> None:
        inner = self.open.pop()
        value: Value
        if inner is None:
            value, self.text = self.text, ""
        else:
            self._leave_text()
            value = inner
        parent = self.open[-1]
        if parent is None:  # Only an element whose start was seen has an end.
            raise BadRequest("bad_xml")
        before = parent.get(name)
        if before is None:
            parent[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            parent[name] = [before, value]

    def _leave_text(self) -> None:
        if self.text and not self.text.isspace():
            # Text beside elements occurs in no message, and dropping it would hide what was sent.
            raise BadRequest("mixed_xml")
        self.text = ""

    def refuse_doctype(self, *_: object) -> None:
        # Without a DOCTYPE there are no entities but the five of XML itself, so no bomb and no external file.
        raise BadRequest("xml_doctype")


def parse_any(body: bytes) -> Fields:
    """Return the fields of any document that keeps to the bounds; raise BadRequest."""
    tree = _Tree()
    # Whatever encoding the document claims, WeChat writes UTF-8.
    parser = ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = tree.refuse_doctype
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(body, True)
    except ExpatError as fault:
        raise BadRequest("bad_xml") from fault
    fields = (tree.open[0] or {}).get("xml")
    if isinstance(fields, dict):
        return fields
    raise BadRequest("not_a_message")


def cdata(text: str) -> str:
    """Return the text as character data that cannot end early and holds nothing that XML forbids."""
    return f"<![CDATA[{without_control(text).replace(']]>', ']]]]><![CDATA[>')}]]>"
