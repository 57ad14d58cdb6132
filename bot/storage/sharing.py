"""Gives each asker of a shared question their own rows back."""

from collections.abc import Sequence

from bot.storage.port import Row


def by_place(rows: Sequence[Row], askers: int) -> list[list[Row]]:
    """Deal rows out by their column ``place``, which counts from 1 as WITH ORDINALITY does; their order stays."""
    dealt: list[list[Row]] = [[] for _ in range(askers)]
    for row in rows:
        dealt[row["place"] - 1].append(row)
    return dealt
