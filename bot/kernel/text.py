"""Brings what people type into one form before anything reads it."""

import re
import unicodedata
from typing import Final

# Zero-width and direction marks would let two equal-looking texts differ; variation selectors likewise.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
# XML 1.0 forbids these, and no reader wants them.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPACES: Final = re.compile(r"\s+")
# Whatever is built of these alone, with single spaces inside, stays as it is: the usual case, told by one look.
_TIDY: Final = re.compile(r"[!-~\u4e00-\u9fff。、]+(?: [!-~\u4e00-\u9fff。、]+)*")


def normalise(text: str) -> str:
    """Return NFKC (full-width becomes ASCII), without invisible marks, with single spaces and trimmed ends."""
    if _TIDY.fullmatch(text):
        return text
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _SPACES.sub(" ", _CONTROL.sub(" ", folded)).strip()


def without_control(text: str) -> str:
    """Return the text without characters that XML 1.0 (§2.2) refuses; line breaks and tabs stay."""
    return _CONTROL.sub("", text)


def shorten(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, the last an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
