"""What a gateway's folder of tests offers besides its rig, so that the contract of each faculty it declares can run.

It lives in ``tests/gateways/<name>/faculties.py`` with a function ``make()``, whose value is the gateway's Rig and
has the functions below for each faculty that the gateway's ``can`` names. As in Rig, each ``will_…`` scripts the
answers to one call of the faculty, all the requests that the gateway makes for it included, in order.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol

from bot.payments.facts import ContractState, NewCharge, RawNotice, Way
from bot.payments.faculties import (
    ContractRef,
    NewContract,
    NewShare,
    NewShareReturn,
    PartState,
    PreNotice,
    Receiver,
    ShareRef,
)
from tests.gateways.rig import Rig


class PayOutcome(StrEnum):
    """What a platform can say to a scanned code or to a deduction."""

    PAID = "paid"
    WAITING = "waiting"  # The payer types a password, or the order was taken in and is not carried out yet.
    DECLINED = "declined"  # An explicit no that may be believed.
    TROUBLE = "trouble"  # The platform's own trouble, said in whatever way it says so (SYSTEMERROR, 20000 …).


class ReverseOutcome(StrEnum):
    """What a platform can say to a reversal."""

    CLOSED = "closed"  # It was never paid, and is unpayable now.
    WENT_BACK = "went_back"  # It had been paid, and the money went back.
    AGAIN = "again"  # Asks for the same call again (recall=Y, retry_flag=Y).
    PAYING = "paying"  # The payer is at it: not reversible right now.
    TROUBLE = "trouble"
    OVER = "over"  # Past the time in which it reverses.


class CodeRig(Rig, Protocol):
    """For ``Way.CODE``; ``charge(Way.CODE)`` of the rig gives a charge that a scanned code is to pay."""

    # What the payer's device shows: fit for this gateway, and unlike any other value that the rig uses.
    auth_code: str

    def will_pay_code(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None: ...
    def will_reverse(self, charge: NewCharge, outcome: ReverseOutcome) -> None: ...


class FlowRig(Rig, Protocol):
    """For ``Way.FLOW``."""

    def will_give_flows(self, day: date) -> Sequence[tuple[str, int]]:
        """Script the flow bill of a day and return kind and amount (fen, negative for money out) of every line."""
        ...

    def will_say_no_flows(self) -> None: ...
    def spoiled_flows(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield scripts of bills that must be refused: cut short, changed, not adding up."""
        ...


class StatementRig(Rig, Protocol):
    """For ``Way.STATEMENT``, beside ``will_give_statement`` of the rig."""

    def will_say_no_statement(self) -> None: ...
    def spoiled_statements(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]: ...


class ShareRig(Rig, Protocol):
    """For ``Way.SHARE``. ``new_share`` has at least two parts."""

    def person(self) -> Receiver:
        """A receiver who is a person, with their name."""
        ...

    def new_share(self) -> NewShare: ...
    def share_ref(self) -> ShareRef: ...
    def new_return(self) -> NewShareReturn: ...

    def will_add_receiver(self) -> None: ...
    def will_share(self, states: Sequence[PartState]) -> None:
        """Script the answer to ``share(new_share())``, or to ``share_query``: the parts in these states, in order."""
        ...

    def will_unfreeze(self) -> None: ...
    def will_take_back(self, state: PartState) -> None:
        """Script the answer to ``take_back(new_return())``, or to its query."""
        ...

    def will_refuse_share(self) -> None:
        """Script an explicit no, one that may be believed, to any of the calls with an effect."""
        ...

    def will_say_share_missing(self) -> None: ...


class ContractRig(Rig, Protocol):
    """For ``Way.CONTRACT``; ``charge(Way.CONTRACT)`` of the rig gives a deduction's charge."""

    # What this platform can say at once to the request for a deduction; the rest is told by query and notice.
    deduct_outcomes: frozenset[PayOutcome]

    def new_contract(self) -> NewContract: ...
    def contract_ref(self) -> ContractRef: ...
    def pre_notice(self) -> PreNotice: ...

    def will_sign(self) -> None: ...
    def will_tell_contract(self, state: ContractState) -> None: ...
    def will_say_contract_missing(self) -> None: ...
    def will_announce(self) -> None:
        """Script what ``announce`` needs; nothing where this platform wants no notice beforehand."""
        ...

    def will_deduct(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None: ...
    def will_terminate(self) -> None: ...
    def will_refuse_contract(self) -> None: ...
    def contract_notice(self, state: ContractState) -> RawNotice: ...


class FacultyRig(CodeRig, FlowRig, StatementRig, ShareRig, ContractRig, Protocol):
    """All of them; a gateway needs only the functions of the faculties that it declares."""


NEEDS: Final[Mapping[Way, type]] = {
    Way.CODE: CodeRig,
    Way.FLOW: FlowRig,
    Way.STATEMENT: StatementRig,
    Way.SHARE: ShareRig,
    Way.CONTRACT: ContractRig,
}


def faculties_of(gateway: str) -> FacultyRig:
    """Make the rig of a registered gateway's faculties; an AssertionError says in a sentence what it lacks."""
    try:
        module = importlib.import_module(f"tests.gateways.{gateway}.faculties")
    except ModuleNotFoundError as missing:
        raise AssertionError(
            f"the gateway {gateway} declares a faculty, so it needs tests/gateways/{gateway}/faculties.py with make()"
        ) from missing
    rig: FacultyRig = module.make()
    return rig


def lacks(rig: object, way: Way) -> list[str]:
    """Return the names that the rig of a gateway needs for a faculty and does not have."""
    needed = {name for name in _names(NEEDS[way]) if name not in _names(Rig)}
    return sorted(name for name in needed if not hasattr(rig, name))


def _names(protocol: type) -> set[str]:
    found = {name for base in protocol.__mro__ for name in getattr(base, "__annotations__", {})}
    return found | {name for name in dir(protocol) if not name.startswith("_")}
