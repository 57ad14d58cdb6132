"""What the contract tests of faculties share: who declares what, their rigs, and every call of every faculty."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bot.gateways import GATEWAYS
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.payments.facts import Declined, Paid, Unknown, Waiting, Way
from bot.payments.faculties import Codes, Contracts, Flows, Sharing
from bot.payments.ports import Gateway
from tests.gateways.faculty_rig import NEEDS, FacultyRig, faculties_of, lacks
from tests.gateways.rig import ScriptedHttp

PAID_AT = datetime(2026, 11, 23, 19, 59, 58, tzinfo=UTC)
DAY = date(2026, 11, 22)
# More requests than this for one call would be a loop against a platform in trouble.
SENDINGS_MAX = 4
OTHER = "T20261124000000000000000099"


def declared(name: str) -> frozenset[Way]:
    gateway: Gateway = GATEWAYS[name]({}, ScriptedHttp(), ManualClock(PAID_AT))  # type: ignore[arg-type]
    return gateway.can


def with_(way: Way) -> list[str]:
    return [name for name in sorted(GATEWAYS) if way in declared(name)]


def rig_for(name: str, way: Way) -> FacultyRig:
    """The rig of a gateway that declares the faculty; a sentence where it cannot be tested."""
    rig = faculties_of(name)
    missing = lacks(rig, way)
    assert not missing, (
        f"the gateway {name} says that it can {way.value}, so tests/gateways/{name}/faculties.py needs "
        f"{', '.join(missing)} (see {NEEDS[way].__name__})"
    )
    return rig


Calling = Callable[[FacultyRig], Awaitable[Any]]


def codes(rig: FacultyRig) -> Codes:
    assert rig.gateway.codes is not None
    return rig.gateway.codes


def flows(rig: FacultyRig) -> Flows:
    assert rig.gateway.flows is not None
    return rig.gateway.flows


def sharing(rig: FacultyRig) -> Sharing:
    assert rig.gateway.sharing is not None
    return rig.gateway.sharing


def contracts(rig: FacultyRig) -> Contracts:
    assert rig.gateway.contracts is not None
    return rig.gateway.contracts


def pay(rig: FacultyRig) -> Awaitable[Paid | Waiting | Declined | Unknown]:
    return codes(rig).pay(rig.charge(Way.CODE), Secret(rig.auth_code))


CALLS: dict[Way, dict[str, Calling]] = {
    Way.CODE: {
        "pay": pay,
        "reverse": lambda rig: codes(rig).reverse(rig.ref(rig.charge(Way.CODE))),
    },
    Way.SHARE: {
        "add_receiver": lambda rig: sharing(rig).add_receiver(rig.account, rig.person()),
        "share": lambda rig: sharing(rig).share(rig.new_share()),
        "share_query": lambda rig: sharing(rig).share_query(rig.share_ref()),
        "take_back": lambda rig: sharing(rig).take_back(rig.new_return()),
        "take_back_query": lambda rig: sharing(rig).take_back_query(rig.new_return()),
        "unfreeze": lambda rig: sharing(rig).unfreeze(rig.share_ref(), "解冻"),
    },
    Way.CONTRACT: {
        "sign": lambda rig: contracts(rig).sign(rig.new_contract()),
        "contract_query": lambda rig: contracts(rig).contract_query(rig.contract_ref()),
        "announce": lambda rig: contracts(rig).announce(rig.pre_notice()),
        "deduct": lambda rig: contracts(rig).deduct(rig.charge(Way.CONTRACT), rig.contract_ref()),
        "terminate": lambda rig: contracts(rig).terminate(rig.contract_ref(), "用户要求"),
    },
}
EVERY_CALL = [
    pytest.param(name, way, call, id=f"{name}-{call}") for way in CALLS for name in with_(way) for call in CALLS[way]
]
every_call = pytest.mark.parametrize(("name", "way", "call"), EVERY_CALL)
