"""One turn under way: what may be changed, what has been said so far, and what of it may be written down."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bot.dialogue.scene import Context, PlacedOrder
from bot.dialogue.session import Frame, State
from bot.dialogue.steps import Facts
from bot.kernel.text import normalise, shorten
from bot.words.render import has_message

# Renders a message: its code, the customer's script, its values.
Say = Callable[[str, str, Facts], str]

# Digits that may be an account, a phone or a document; rooms; plates; and names that are said to be names.
_PERSONAL: Final = re.compile(
    r"\d{1,4}(?:\s?[-栋幢座楼号]\s?\d{1,4}){1,3}(?:单元\d{1,4})?|[\d零〇一二三四五六七八九幺两]{5,}[Xx]?|"
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z][·\s]?[A-Za-z0-9]{5,6}|"
    r"(?<=我叫)[\u4e00-\u9fff·]{2,4}|(?<=姓名)[是为:：]?[\u4e00-\u9fff·]{2,4}|(?<=[业户]主)[是为叫:：]?[\u4e00-\u9fff·]{2,4}|"
    r"[\w.+-]{2,}@[\w-]+\.[\w.]+|(?:(?<=叫)|(?<=备注)|(?<=备注[成为])|(?<=改名))(?!客服|人工)[\u4e00-\u9fff·]{2,12}$"
)
_LINK: Final = re.compile(r'<a href="[^"]*">([^<]*)</a>')
_SHOWN: Final = 80


@dataclass(slots=True)
class Turn:
    """What a message does to a conversation, gathered until the turn ends.

    ``asked`` says that a question stands at the end of what is said, so that nothing more follows. ``took`` names the
    slot for which the message was the answer; such words are not written down, and ``personal`` ones neither.
    """

    state: State
    context: Context
    words: Say
    texts: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    asked: bool = False
    hand_off: bool = False
    took: str = ""
    personal: set[str] = field(default_factory=set)
    placed: PlacedOrder | None = None

    @property
    def frame(self) -> Frame | None:
        """The business that is on top."""
        return self.state.frames[-1] if self.state.frames else None

    def say(self, code: str, facts: Facts | None = None) -> None:
        """Add the words of a message to the answer."""
        short = f"{code}.large"
        wanted = short if self.state.large and has_message(short) else code
        self.texts.append(self.words(wanted, self.state.script, facts or {}))
        self.codes.append(code)

    def ask(self, code: str, facts: Facts | None = None) -> None:
        """Add words that end in a question."""
        self.say(code, facts)
        self.asked = True


def masked(text: str) -> str:
    """Return words of a customer as a person on the desk or a trace may see them: nothing that names anybody."""
    return shorten(_PERSONAL.sub("…", normalise(text)), _SHOWN)


def outline(text: str, personal: Iterable[str] = ()) -> str:
    """Return the beginning of what was said to a customer, without links: whoever holds one may pay or read."""
    plain = " ".join(_LINK.sub(r"[\1]", text).split())
    for words in filter(None, personal):
        plain = plain.replace(words, "…")
    return shorten(_PERSONAL.sub("…", plain), _SHOWN)
