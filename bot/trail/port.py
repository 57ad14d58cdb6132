"""The trail as the rest of the house writes to it: cheap, never in the way, never a place for secrets."""

from collections.abc import Mapping
from typing import Protocol


class Trail(Protocol):
    """Takes notes of what happened under a trace id; a note is written soon, in a batch, and may be lost by a crash.

    What must not be lost is in the tables of its own room, each with the same trace id.
    """

    def note(self, trace_id: str, kind: str, title: str, detail: Mapping[str, object] | None = None) -> None:
        """Record one event: ``kind`` is webhook, reply, call, order, charge, notice, posting, biller, message or case.

        ``detail`` holds masked values only.
        """
        ...
