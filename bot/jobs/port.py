"""A job of the outbox and what a deliverer answers about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class NewJob:
    """Something that must happen after this commit.

    ``key`` makes it unique within its kind: a second job with the same key is not created. ``dest`` names the
    receiver whose slowness must starve nobody else (a gateway account, a biller, an official account). The payload
    of a ``private`` job is personal data: it is sealed in the table and wiped when the job is done. Keys and
    receivers are always in clear.
    """

    kind: str
    key: str
    dest: str
    payload: Mapping[str, Any]
    trace_id: str
    due_at: datetime | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job: ``attempt`` counts from 1."""

    id: str
    kind: str
    key: str
    dest: str
    payload: Mapping[str, Any]
    trace_id: str
    attempt: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Delivered, or found to be delivered already."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not yet; ``after`` seconds overrides the kind's schedule."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """Will never succeed by repetition; becomes a case on a person's desk.

    Without ``to_desk`` it is over instead, with the reason noted: nobody could do anything about it, as when a
    customer has left and cannot be written to.
    """

    reason: str
    to_desk: bool = True


class Deliverer(Protocol):
    """Carries out one kind of job; must be idempotent by ``job.key``, since a lease can be lost after the effect."""

    kind: str

    async def deliver(self, job: Job) -> Done | Again | Dead: ...
