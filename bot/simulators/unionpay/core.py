"""The simulator's parts put together."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bot.simulators.background import Background
from bot.simulators.clock import Clock
from bot.simulators.courier import Courier
from bot.simulators.faults import Faults
from bot.simulators.unionpay import crypto
from bot.simulators.unionpay.book import Book
from bot.simulators.unionpay.faults import UNIONPAY_FAULTS
from bot.simulators.unionpay.plan import OTHER_OWNER, OWNER, Merchant, Signing, UnionPayPlan, new_signing

KEPT_CODES = 10_000


@lru_cache(maxsize=1)
def _strangers_key() -> str:
    # One for the whole process, since making it is slow and nobody trusts it anyway.
    return crypto.new_private_key()


class Simulator:
    """One UnionPay platform: its plan, records, certificates, faults and messengers."""

    def __init__(self, plan: UnionPayPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.closing = asyncio.Event()
        self.background = Background()
        self.faults = Faults(UNIONPAY_FAULTS, seed=plan.seed, by_suffix=plan.faults_by_amount, rates=plan.rates)
        self.book = Book()
        self.signing = plan.signing
        self.courier = Courier(
            clock, self.background, schedule=plan.retry_schedule, timeout=plan.notice_timeout, accepted=(200,)
        )
        self._codes: OrderedDict[str, str] = OrderedDict()
        self._strangers: dict[str, Signing] = {}

    async def open(self) -> None:
        """Open the client that carries notices."""
        await self.courier.open()

    async def close(self) -> None:
        """Cancel all that waits and release what open() took."""
        await self.background.close()
        await self.courier.close()

    def merchant(self, mer_id: str) -> Merchant | None:
        return next((each for each in self.plan.merchants if each.mer_id == mer_id), None)

    def signed(self, pairs: Mapping[str, str], by: Signing | None = None) -> dict[str, str]:
        """The pairs with certificate and signature."""
        signing = by or self.signing
        whole = {**pairs, "signMethod": "01", "signPubKeyCert": signing.certificate}
        return {**whole, "signature": crypto.sign(signing.private, whole)}

    def stranger(self) -> Signing:
        """UnionPay's name in a certificate that nobody vouches for."""
        return self._made("stranger")

    def other_owner(self) -> Signing:
        """A certificate that the same authority gave to another customer."""
        return self._made("other_owner")

    async def rotate(self) -> None:
        """Sign with a new key from now on; its certificate comes with the messages, as in reality."""
        now = self.clock.now().replace(microsecond=0)
        self.signing = await asyncio.to_thread(new_signing, self.plan.authority, OWNER, now)

    def new_user_code(self, user: str) -> str:
        """A userAuthCode that can be exchanged once."""
        # A plus, because readers that decode twice lose it (payments.md, trap 16).
        code = f"{secrets.token_hex(8)}+{secrets.token_hex(4)}=="
        self._codes[code] = user
        if len(self._codes) > KEPT_CODES:
            self._codes.popitem(last=False)
        return code

    def spend_user_code(self, code: str) -> str | None:
        return self._codes.pop(code, None)

    def describe(self) -> dict[str, Any]:
        return {"certificate": self.signing.certificate}

    def _made(self, kind: str) -> Signing:
        if kind not in self._strangers:
            now, authority = self.clock.now().replace(microsecond=0), self.plan.authority
            forged = Signing(authority.certificate, _strangers_key())
            genuine = kind == "other_owner"
            self._strangers[kind] = new_signing(
                authority if genuine else forged, OTHER_OWNER if genuine else OWNER, now
            )
        return self._strangers[kind]
