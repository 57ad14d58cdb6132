"""``/api/device/v1/charges``: a machine charges a scanned code, follows the payment, and gives it up."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.billers.devices import Device
from bot.billers.port import Refusal
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.errors import BadRequest, Limited
from bot.kernel.masking import Secret
from bot.kernel.money import MAX_FEN
from bot.payments import work
from bot.payments.till import Till, TillCharge
from bot.storage.port import Database
from bot.trail.port import Trail
from bot.web.answers import answer_json
from bot.web.device.proof import MachineProof
from bot.web.middlewares import TRACE
from qrcodes.payment_code import read_payment_code

# A long poll ends after this many seconds, below every proxy's patience.
WAIT_SECONDS_MAX: Final = 25
WAITING_MAX: Final = 1_000
# A commit wakes us; behind a lost signal we look this often.
_LOOK_EVERY: Final = 2.0


class NewCharge(BaseModel):
    """What a machine sends; ``amount`` in fen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    request_no: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0, le=MAX_FEN)]
    auth_code: Annotated[str, Field(min_length=1, max_length=32)]


class TillWatch:
    """Follows payments for as long as somebody waits."""

    def __init__(self, database: Database, clock: Clock, till: Till) -> None:
        self._database = database
        self._clock = clock
        self._till = till
        self._waiting = 0

    async def changed(self, device: Device, charge_id: str, since: str, within: float) -> TillCharge:
        """Return a payment as soon as its state is another than ``since``, or as it is after so many seconds."""
        found = await self._till.get(device, charge_id)
        if self._waiting >= WAITING_MAX:
            raise Limited("waiting", "ask again in a few seconds")
        self._waiting += 1
        try:
            end = self._clock.monotonic() + within
            while str(found.state) == since and not found.state.final and (left := end - self._clock.monotonic()) > 0:
                await self._database.heard(work.ORDER_CHANNEL, min(_LOOK_EVERY, left))
                found = await self._till.get(device, charge_id)
            return found
        finally:
            self._waiting -= 1


class DeviceDoor:
    """The handlers of the device API. The caller proves itself first; nothing is read before that."""

    def __init__(self, proof: MachineProof, till: Till, watch: TillWatch, trail: Trail) -> None:
        self._proof = proof
        self._till = till
        self._watch = watch
        self._trail = trail

    async def create(self, request: web.Request) -> web.Response:
        """POST …/charges: take a payment; the same request number again answers how the first one stands."""
        device, body = await self._proof.check(request)
        wanted = parsed(body)
        return await take(self._till, self._trail, device, wanted, request[TRACE])

    async def get(self, request: web.Request) -> web.Response:
        """GET …/charges/{id}?since=STATE&wait=SECONDS: how a payment stands, at once or when it changes."""
        device, _ = await self._proof.check(request)
        shown = await self._watch.changed(device, request.match_info["id"], *waiting(request))
        return answer_json(as_json(shown))

    async def cancel(self, request: web.Request) -> web.Response:
        """POST …/charges/{id}/cancel: give a payment up; follow it until it is decided."""
        device, _ = await self._proof.check(request)
        return answer_json(as_json(await self._till.cancel(device, request.match_info["id"])))


def parsed(body: bytes) -> NewCharge:
    """Read a request; raises BadRequest(``device_request``) that names every faulty field and no value."""
    try:
        return NewCharge.model_validate_json(body)
    except ValidationError as fault:
        places = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in fault.errors())
        raise BadRequest("device_request", places) from None


async def take(till: Till, trail: Trail, device: Device, wanted: NewCharge, trace_id: str) -> web.Response:
    """Take a payment and answer with it; a refusal is a conflict that says why."""
    code = read_payment_code(wanted.auth_code)
    if code is None:
        raise BadRequest("auth_code", "scan the code again: no wallet's codes look like this one")
    taken = await till.charge(
        device,
        request_no=wanted.request_no,
        amount=wanted.amount,
        wallet=code.wallet.value,
        auth_code=Secret(code.reveal()),
        trace_id=trace_id,
    )
    if isinstance(taken, Refusal):
        return answer_json({"code": taken.code, "facts": dict(taken.facts), "trace_id": trace_id}, 409)
    trail.note(trace_id, "charge", f"scanned: {taken.state}", {"device": device.id, "amount": taken.amount})
    return answer_json(as_json(taken), 201)


def waiting(request: web.Request) -> tuple[str, float]:
    """Return ``since`` and ``wait`` of a long poll; raises BadRequest(``wait``)."""
    wait = request.query.get("wait", "0")
    if not (wait.isascii() and wait.isdecimal()) or int(wait[:4]) > WAIT_SECONDS_MAX:
        raise BadRequest("wait", f"wait 0 to {WAIT_SECONDS_MAX} whole seconds")
    return request.query.get("since", "")[:16], float(wait)


def as_json(charge: TillCharge) -> Mapping[str, Any]:
    """Return the form of a payment that docs/device.md describes; times in Shanghai, amounts in fen."""
    return {
        "id": charge.id,
        "order": charge.order_id,
        "out_trade_no": charge.out_trade_no,
        "gateway": charge.gateway,
        "amount": charge.amount,
        "currency": charge.currency,
        "state": str(charge.state),
        "final": charge.state.final,
        "failure": charge.failure,
        "created_at": charge.created_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "paid_at": charge.paid_at.astimezone(SHANGHAI).isoformat(timespec="seconds") if charge.paid_at else None,
    }
