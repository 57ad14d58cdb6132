"""What is recognised by its own words whatever is under way: each room is asked in turn whether a message is for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bot.dialogue.acts import Understanding
from bot.dialogue.turn import Turn

# What a numbered choice does, given what follows the colon of its key.
Choice = Callable[[Turn, str], Awaitable[None]]


class Room(Protocol):
    """Answers some wishes of its own. It is asked about every message, so it looks at the words before anything else.

    ``choices`` are the verbs of its menus.
    """

    @property
    def choices(self) -> Mapping[str, Choice]: ...

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Do what a message wants; False, with nothing done, when it is none of this room's.

        ``text`` is normalised, ``simple`` the same in Simplified lower case with typos mended.
        """
        ...


class Wishes:
    """Asks the rooms in their order; the first that takes a message has it."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = tuple(rooms)
        self.choices: Mapping[str, Choice] = {verb: do for room in rooms for verb, do in room.choices.items()}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        for room in self._rooms:
            if await room.take(turn, text, simple, meant):
                return True
        return False
