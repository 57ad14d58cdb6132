"""The errors that the house raises: each has a code, an HTTP status, and says whether asking again can help."""

from typing import ClassVar


class BotError(Exception):
    """Something that a caller can be told about; the words for people live in templates, chosen by ``code``."""

    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, remedy: str = "", **facts: str | int) -> None:
        super().__init__(code if not remedy else f"{code}: {remedy}")
        self.code = code
        self.remedy = remedy
        self.facts = facts


class BadRequest(BotError):
    """The caller sent what nobody could serve; the remedy says what to send instead."""

    http_status = 400


class Unauthorized(BotError):
    """No valid proof of who is calling."""

    http_status = 401


class Forbidden(BotError):
    """Known, but not allowed to do this."""

    http_status = 403


class NotFound(BotError):
    """No such thing, or not the caller's: the two are told apart by nobody."""

    http_status = 404


class Conflict(BotError):
    """The thing is in another state, or the key was used with other inputs."""

    http_status = 409


class TooLarge(BotError):
    """More bytes than this door takes."""

    http_status = 413


class Limited(BotError):
    """Too many in too short a time."""

    http_status = 429
    retryable = True


class GatewayTrouble(BotError):
    """The other side gave no usable answer: nothing is known about the effect."""

    http_status = 502
    retryable = True


class Busy(BotError):
    """We ourselves cannot now: a breaker is open, the store is away, a lock is held."""

    http_status = 503
    retryable = True


class Misconfigured(BotError):
    """The operator has to mend a setting; the remedy names it."""
