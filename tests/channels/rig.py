"""Official accounts wired to a scripted dialogue, one store and one outbox, for tests of the whole channel."""

from collections.abc import Awaitable, Callable, Sequence

from bot.channels.official.account import OfficialAccount
from bot.channels.official.channel import OfficialChannel
from bot.channels.official.quota import Windows
from bot.channels.turns import Turns
from bot.dialogue.event import Event, Said
from bot.dialogue.reply import Reply, Text
from bot.jobs.port import NewJob
from bot.kernel.clock import ManualClock
from tests.channels.fakes import FakeStore
from tests.channels.samples import NOW

Answering = Callable[[Event], Awaitable[Reply]]


async def echo(event: Event) -> Reply:
    """Answer words with the same words, all else with silence."""
    return Reply((Text(event.what.text),)) if isinstance(event.what, Said) and event.what.text else Reply()


class ChannelRig:
    """``heard`` are the events that the dialogue was given, ``outbox`` the jobs that were enqueued."""

    def __init__(self, *accounts: OfficialAccount, answering: Answering = echo) -> None:
        self.clock = ManualClock(NOW)
        self.store = FakeStore(self.clock)
        self.heard: list[Event] = []
        self.outbox: list[NewJob] = []
        self.answering = answering
        self.turns = Turns(
            self.store, self.clock, self._hear, self._enqueue, lambda _event, _error: Reply((Text("抱歉"),))
        )
        self.windows = Windows(self.store)
        self.channel = OfficialChannel(accounts, self.turns, self.windows, self.store, self.clock)

    async def _hear(self, event: Event) -> Reply:
        self.heard.append(event)
        return await self.answering(event)

    async def _enqueue(self, jobs: Sequence[NewJob]) -> None:
        self.outbox += jobs


def _apologise(_event: Event, _error: Exception) -> Reply:
    return Reply((Text("抱歉"),))
