"""Moves the frames of a conversation: opens them, walks their steps, shows what a step asked, and ends them."""

from collections.abc import Mapping
from math import ceil
from typing import Final

from bot.billers.port import Refusal
from bot.dialogue.acts import Act
from bot.dialogue.offers import Offers
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import FRAME_LIFE, Awaiting, Frame, Slot
from bot.dialogue.shapes.common import mend
from bot.dialogue.steps import Abort, Again, Ask, Done, Menu, Outcome, Pay
from bot.dialogue.turn import Turn
from bot.outside.logging import get_logger

log = get_logger(__name__)

FAILURES: Final = 3
_MOST_FRAMES: Final = 3
_REWALKS: Final = 3


class Walk:
    """Holds no state of its own; everything is in the turn's frames."""

    def __init__(self, scenes: Mapping[str, Scene], offers: Offers, cashier_url: str) -> None:
        self._scenes = scenes
        self._offers = offers
        self._cashier_url = cashier_url

    async def start(
        self,
        turn: Turn,
        act: Act,
        scene: str,
        *,
        heard: Mapping[str, str] | None = None,
        slots: Mapping[str, Slot] | None = None,
        unsaved: bool = False,
    ) -> None:
        """Open a frame and walk it as far as it goes. A scene has one frame at most: a new one takes its place."""
        frames = [frame for frame in turn.state.frames if frame.scene != scene]
        expires_at = turn.context.at + FRAME_LIFE
        frame = Frame(scene, act, expires_at, slots=dict(slots or {}), heard=dict(heard or {}), unsaved=unsaved)
        turn.state.frames = [*frames, frame][-_MOST_FRAMES:]
        await self.advance(turn, frame)

    async def advance(self, turn: Turn, frame: Frame) -> None:
        """Walk the steps until one has something to say."""
        frame.expires_at = turn.context.at + FRAME_LIFE
        await self._settle(turn, frame, await self._outcome(turn.context, frame))

    async def _settle(self, turn: Turn, frame: Frame, outcome: Outcome) -> None:
        """Present an outcome; one that says why and begins again is followed, a bounded number of times."""
        for _ in range(_REWALKS):
            if not isinstance(outcome, Again):
                await self._present(turn, frame, outcome)
                return
            turn.say(outcome.code, outcome.facts)
            outcome = await self._outcome(turn.context, frame)
        log.warning("walk.endless", scene=frame.scene, trace_id=turn.context.trace_id)
        await self._present(turn, frame, Abort("trouble"))

    async def _outcome(self, context: Context, frame: Frame) -> Outcome:
        scene = self._scenes.get(frame.scene)
        if scene is None:
            return Abort("scene_not_here", {"scene": self._offers.name(frame.scene)})
        for step in scene.steps_for(frame.act):
            outcome = await step(scene, context, frame)
            if frame.act is Act.BIND:
                outcome = await self._kept(context, frame, outcome)
            if outcome is not None:
                return outcome
        raise AssertionError(f"the last step of {scene.key} said nothing")

    async def _kept(self, context: Context, frame: Frame, outcome: Outcome | None) -> Outcome | None:
        """End a frame that only keeps an account as soon as the account is known to exist."""
        if frame.found is None:
            # An account that its biller cannot be asked about is remembered by its first payment alone.
            priced = isinstance(outcome, Pay) or (
                isinstance(outcome, Ask | Menu) and outcome.slot in ("amount", "bills")
            )
            return Abort("bind_how") if priced else outcome
        nickname, item, account = frame.heard.get("nickname", ""), frame.get("item"), frame.get("account")
        for saved in await context.saved.of(context.customer_id, frame.scene):
            if (saved.item_id, saved.account) == (item, account):
                if nickname:
                    await context.saved.name(context.customer_id, saved.id, nickname)
                nickname = nickname or saved.nickname
        facts = {
            "scene": self._offers.name(frame.scene),
            "found": frame.found,
            "nickname": nickname,
            "count": len(frame.found.bills),
            "total": sum(bill.total for bill in frame.found.bills),
        }
        return Done("account_kept", facts)

    async def _present(self, turn: Turn, frame: Frame, outcome: Outcome) -> None:
        """Turn what a step said into words, and remember what was asked."""
        if isinstance(outcome, Done | Abort):
            self._end(turn, frame)
            turn.say(outcome.code, {"cashier_url": self._cashier_url, **outcome.facts})
            return
        if isinstance(outcome, Ask) and frame.retries >= FAILURES:
            self._end(turn, frame)
            await self._offers.menu(turn, "not_found_often", human=True)
            return
        turn.state.menu = None
        called = frame.get("called") or ""
        turn.personal.add(called)
        if isinstance(outcome, Ask):
            frame.awaiting = Awaiting(outcome.slot, outcome.kind)
            turn.ask(outcome.code, outcome.facts)
        elif isinstance(outcome, Menu):
            frame.awaiting = Awaiting(outcome.slot, "choice", list(outcome.options), outcome.several, outcome.free)
            facts = {"cashier_url": self._cashier_url, "called": called, **outcome.facts, "options": outcome.options}
            turn.ask(outcome.code, {**facts, "several": outcome.several})
        else:
            assert isinstance(outcome, Pay), "outcomes are a closed set, and Again is followed before"
            frame.awaiting = Awaiting("confirm", "confirm")
            facts = {"caution": "", "supervised": "", "read_back": "", **outcome.facts}
            turn.ask("confirm_pay", {**facts, "quote": outcome.quote, "called": called})

    def _end(self, turn: Turn, frame: Frame) -> None:
        if frame in turn.state.frames:
            turn.state.frames.remove(frame)

    async def confirm(self, turn: Turn, frame: Frame) -> None:
        """Place the order that was shown and agreed to, and hand out the way to the cashier."""
        context, quote = turn.context, frame.quote
        if quote is None or quote.expires_at <= context.at:
            frame.quote = frame.found = None
            turn.say("quote_expired")
            await self.advance(turn, frame)
            return
        order = await context.orders.place(
            quote,
            customer_id=context.customer_id,
            channel=context.channel,
            account=context.account,
            trace_id=context.trace_id,
        )
        if isinstance(order, Refusal):
            await self._settle(turn, frame, await mend(context, order, frame))
            return
        self._end(turn, frame)
        turn.placed = order
        minutes = ceil((quote.expires_at - context.at).total_seconds() / 60)
        url = f"{self._cashier_url}/{order.token}{'?large=1' if turn.state.large else ''}"
        turn.say("pay_link", {"order": order, "url": url, "quote": quote, "minutes": minutes})

    def skip(self, turn: Turn) -> None:
        """Leave the business on top for what waits behind it."""
        frame = turn.state.frames.pop()
        turn.say("skipped", {"scene": self._offers.name(frame.scene)})

    def cancel(self, turn: Turn) -> None:
        """End the business on top."""
        turn.state.frames.pop()
        turn.say("cancelled")
