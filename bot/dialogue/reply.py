"""What we say back, in parts that every channel can put on its own wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Rendered words. The only markup is ``<a href="…">…</a>``, which templates write and values never can."""

    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """A titled link, shown large; a channel that cannot show cards sends it as text with the link."""

    title: str
    text: str
    url: str
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG of our own making, such as a collection code."""

    png: bytes
    name: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """From now on a person answers; the channel routes the conversation to its service staff where it can."""


Part = Text | Card | Picture | HandOff


@dataclass(frozen=True, slots=True)
class Reply:
    """Zero or more parts; an empty reply is silence."""

    parts: tuple[Part, ...] = ()


SILENCE = Reply()
