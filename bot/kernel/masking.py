"""Shows people and logs as much of a personal value as they need and no more."""

from typing import Final, final

_HIDDEN: Final = "****"


@final
class Secret:
    """A value that prints as stars; ``reveal`` is the only way to it, so that its uses can be found."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise TypeError("secrets are compared with hmac.compare_digest on what reveal() returns")

    __hash__ = None  # type: ignore[assignment]  # A secret is no key of anything.


def mask_phone(phone: str) -> str:
    """Return ``138****5678`` (JR/T 0171: three and four)."""
    return f"{phone[:3]}{_HIDDEN}{phone[-4:]}" if len(phone) >= 11 else _HIDDEN


def mask_account(account: str) -> str:
    """Return the last four characters behind stars, fewer when the account is short."""
    shown = 4 if len(account) >= 8 else max(0, min(2, len(account) - 3))
    return f"{_HIDDEN}{account[-shown:]}" if shown else _HIDDEN


def mask_name(name: str) -> str:
    """Return all but the last character as stars, as receipts print a payer."""
    return "*" * (len(name) - 1) + name[-1:] if len(name) > 1 else "*" * len(name)


def mask_id(number: str) -> str:
    """Return the first and the last character of an identity number."""
    return f"{number[0]}{'*' * (len(number) - 2)}{number[-1]}" if len(number) > 2 else _HIDDEN


def mask_openid(openid: str) -> str:
    """Return the four last characters: enough for support to tell two customers apart."""
    return f"…{openid[-4:]}" if len(openid) > 8 else _HIDDEN
