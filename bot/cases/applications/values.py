"""What is said about applications between the conversation, the desk and the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Document:
    """A picture that a customer sent; ``media_id`` is the channel's own key of it."""

    kind: str
    media_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewApplication:
    """What a customer has agreed to hand in. ``request_key`` is equal for every repetition of the same agreement.

    ``authority`` is ``legal_person`` or ``letter`` for a company's, else empty.
    """

    request_key: str
    kind: str
    customer_id: str
    channel: str
    account: str
    facts: Mapping[str, str] = field(repr=False)
    trace_id: str
    authority: str = ""
    documents: Sequence[Document] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """An application as its customer sees it; ``amount`` in fen where it has one."""

    id: str
    number: str
    kind: str
    scene: str
    title: str
    state: str
    amount: int | None
    note: str
    created_at: datetime
    changed_at: datetime
