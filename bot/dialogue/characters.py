"""Reads the table of characters: which Simplified one a character is read as, and how it sounds."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("characters.txt")
# What speech recognition and many speakers confuse: zh and z, ch and c, sh and s, a final ng and n.
_CONFUSED: Final = (("zh", "z"), ("ch", "c"), ("sh", "s"))


@dataclass(frozen=True, slots=True)
class Characters:
    """``simpler`` is for ``str.translate``; ``sounds`` and ``syllables`` lead to the folded sound, ``alike`` back."""

    simpler: dict[int, str]
    sounds: dict[str, str]
    syllables: dict[str, str]
    alike: dict[str, str]


def folded(syllable: str) -> str:
    """Return a syllable of pinyin without what southern speakers and recognisers do not tell apart."""
    for sharp, flat in _CONFUSED:
        if syllable.startswith(sharp):
            syllable = flat + syllable[len(sharp) :]
    return syllable[:-1] if syllable.endswith("ng") else syllable


@cache
def characters() -> Characters:
    """Return the table; it is read once a process."""
    simpler: dict[int, str] = {}
    sounds: dict[str, str] = {}
    syllables: dict[str, str] = {}
    alike: dict[str, str] = {}
    for line in _FILE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        if " = " in line:
            plain, others = line.split(" = ")
            simpler.update((ord(other), plain) for other in others)
        elif " : " in line:
            syllable, written = line.split(" : ")
            syllables[syllable] = folded(syllable)
            sounds.update((character, syllables[syllable]) for character in written)
            alike[syllables[syllable]] = alike.get(syllables[syllable], "") + written
    return Characters(simpler, sounds, syllables, alike)
