"""Faults that a test or a visitor orders from the simulated platform."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COUNTED = ("busy", "http_500", "drop", "lose_answer", "reject_token", "malformed_json")


@dataclass(slots=True)
class Faults:
    """What goes wrong next; counts are used up call by call.

    busy -1 · http_500 · drop: connection closed before anything happened · lose_answer: the call takes
    effect, its answer never arrives · reject_token 40001 for a valid token · malformed_json.
    """

    counts: Counter[str] = field(default_factory=Counter)
    path: str = ""
    slow_seconds: float = 0.0
    slow_calls: int = 0
    refuse_subscribe: bool = False
    template_status: str = "success"
    exhausted: set[str] = field(default_factory=set)

    def take(self, name: str, path: str) -> bool:
        """True when this call is to suffer the fault; uses one count up."""
        if self.counts[name] <= 0 or (self.path and self.path != path):
            return False
        self.counts[name] -= 1
        return True

    def delay(self, path: str) -> float:
        """Seconds this call has to wait, 0 for none; uses one slow call up."""
        if self.slow_calls <= 0 or (self.path and self.path != path):
            return 0.0
        self.slow_calls -= 1
        return self.slow_seconds

    def order(self, data: Mapping[str, Any]) -> None:
        """Take orders as POST /_sim/faults sends them; raises ValueError on an unknown name."""
        unknown = set(data) - {*COUNTED, *_OTHERS}
        if unknown:
            raise ValueError(f"unknown faults: {', '.join(sorted(unknown))}")
        if data.get("clear"):
            self._clear()
        for name in COUNTED:
            if name in data:
                self.counts[name] = int(data[name])
        self.path = str(data.get("path", self.path))
        if "slow" in data:
            self.slow_seconds = float(data["slow"]["seconds"])
            self.slow_calls = int(data["slow"].get("calls", 1))
        self.refuse_subscribe = bool(data.get("refuse_subscribe", self.refuse_subscribe))
        self.template_status = str(data.get("template_status", self.template_status))
        if "quota_exhausted" in data:
            self.exhausted = {str(path) for path in data["quota_exhausted"]}

    def _clear(self) -> None:
        self.counts.clear()
        self.path, self.slow_seconds, self.slow_calls = "", 0.0, 0
        self.refuse_subscribe, self.template_status = False, "success"
        self.exhausted = set()

    def view(self) -> dict[str, Any]:
        """The faults still to come, as JSON."""
        return {
            **{name: self.counts[name] for name in COUNTED},
            "path": self.path,
            "slow": {"seconds": self.slow_seconds, "calls": self.slow_calls},
            "refuse_subscribe": self.refuse_subscribe,
            "template_status": self.template_status,
            "quota_exhausted": sorted(self.exhausted),
        }


# Orders with a value of their own; the last four act on tokens and people and are carried out by control.
_OTHERS = (
    "clear",
    "path",
    "slow",
    "refuse_subscribe",
    "template_status",
    "quota_exhausted",
    "expire_tokens",
    "revoke_tokens",
    "block",
    "unblock",
)
