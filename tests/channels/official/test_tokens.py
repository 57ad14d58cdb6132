"""One token for all: asked for once, renewed in time, replaced when refused, and never in a loop."""

import asyncio
import json

import pytest

from bot.channels.official.client import WeChatClient
from bot.channels.platform.errors import BadCredential, TokenRejected
from bot.channels.platform.tokens import EARLY, Keeper
from bot.kernel.clock import ManualClock
from bot.kernel.errors import GatewayTrouble
from tests.channels.fakes import FakeStore, pass_time, settle
from tests.channels.official.platform import OK, SEND, TOKEN_PATH, Platform, away, client_of, no


async def test_the_first_call_fetches_a_token_and_later_ones_use_it(client: WeChatClient, platform: Platform) -> None:
    for _ in range(3):
        await client.send_custom({})

    assert platform.count(TOKEN_PATH) == 1 and platform.last(SEND).query == {"access_token": "t1"}
    asked = platform.last(TOKEN_PATH).json()
    assert asked["grant_type"] == "client_credential" and asked["force_refresh"] is False


async def test_a_hundred_cold_callers_fetch_once(client: WeChatClient, platform: Platform) -> None:
    """Twenty threads of wechatpy fetch twenty tokens (wechat.md §3)."""
    await asyncio.gather(*(client.send_custom({}) for _ in range(100)))

    assert platform.count(TOKEN_PATH) == 1


async def test_ten_processes_fetch_once(platform: Platform, store: FakeStore, clock: ManualClock) -> None:
    platform.token_delay = 0.5
    calls = [asyncio.create_task(client_of(platform, store).send_custom({})) for _ in range(10)]

    await pass_time(clock, 1.5)

    await asyncio.gather(*calls)
    assert platform.count(TOKEN_PATH) == 1


async def test_a_refresher_that_died_holds_nobody_up_for_long(
    client: WeChatClient, platform: Platform, store: FakeStore, clock: ManualClock
) -> None:
    await store.claim("wechat:lending:wxba5fad812f8e6fb9:token", "dead", 12)
    call = asyncio.create_task(client.send_custom({}))

    await pass_time(clock, 4.8)
    assert not call.done()
    await pass_time(clock, 0.5)

    await call
    assert platform.count(TOKEN_PATH) == 1


async def test_the_old_token_serves_while_the_new_one_is_fetched(
    client: WeChatClient, platform: Platform, clock: ManualClock
) -> None:
    await client.send_custom({})
    clock.advance(7200 - EARLY + 1)
    platform.token_delay = 2.0

    await client.send_custom({})
    assert platform.last(SEND).query == {"access_token": "t1"}

    await pass_time(clock, 2.2)
    await client.send_custom({})
    assert platform.last(SEND).query == {"access_token": "t2"}
    assert platform.count(TOKEN_PATH) == 2


async def test_an_early_renewal_that_brings_the_same_token_is_not_repeated_at_once(
    client: WeChatClient, platform: Platform, clock: ManualClock
) -> None:
    await client.send_custom({})
    clock.advance(7200 - EARLY + 1)
    platform.says(TOKEN_PATH, {"access_token": "t1", "expires_in": 299})
    for _ in range(5):
        await client.send_custom({})
        await settle()

    assert platform.count(TOKEN_PATH) == 2
    await pass_time(clock, 31, step=1)
    await client.send_custom({})
    await settle()
    assert platform.count(TOKEN_PATH) == 3


async def test_a_failed_renewal_is_survived(client: WeChatClient, platform: Platform, clock: ManualClock) -> None:
    await client.send_custom({})
    clock.advance(7200 - EARLY + 1)
    platform.says(TOKEN_PATH, away())

    await client.send_custom({})
    await settle()

    assert platform.last(SEND).query == {"access_token": "t1"}


async def test_another_process_renewed(platform: Platform, store: FakeStore, clock: ManualClock) -> None:
    here, there = client_of(platform, store), client_of(platform, store)
    await here.send_custom({})
    await there.send_custom({})
    clock.advance(7200 - EARLY + 1)
    await there.refresh()
    await settle()

    await here.refresh()
    await settle()
    await here.send_custom({})

    assert platform.last(SEND).query == {"access_token": "t2"} and platform.count(TOKEN_PATH) == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_refused_token_is_replaced_and_the_call_repeated_once(
    client: WeChatClient, platform: Platform, code: int
) -> None:
    platform.says(SEND, no(code), OK)

    await client.send_custom({})

    assert [asked.json()["force_refresh"] for asked in platform.asked if asked.path == TOKEN_PATH] == [
        False,
        False,  # Another may have come by itself.
        True,
    ]
    assert platform.last(SEND).query == {"access_token": "t2"} and platform.count(SEND) == 2


async def test_a_token_that_stays_refused_ends_in_an_error_and_not_in_a_loop(
    client: WeChatClient, platform: Platform
) -> None:
    """One call of wechatpy made 491 token fetches here (wechat.md §3)."""
    platform.says(SEND, no(40001))

    with pytest.raises(TokenRejected):
        await client.send_custom({})

    assert platform.count(TOKEN_PATH) <= 3 and platform.count(SEND) == 2


async def test_forced_refreshes_are_rare(client: WeChatClient, platform: Platform, clock: ManualClock) -> None:
    """WeChat allows twenty a day, thirty seconds apart."""
    platform.says(SEND, no(40001))
    for _ in range(60):
        with pytest.raises(TokenRejected):
            await client.send_custom({})
        clock.advance(10)
    forced = [asked for asked in platform.asked if asked.path == TOKEN_PATH and asked.json()["force_refresh"]]
    assert 2 <= len(forced) <= 15
    # Where no other token is to be had, the call is not repeated either.
    assert platform.count(SEND) == 60 + len(forced)

    clock.advance(3600)
    for _ in range(40):
        with pytest.raises(TokenRejected):
            await client.send_custom({})
        clock.advance(31)
    forced = [asked for asked in platform.asked if asked.path == TOKEN_PATH and asked.json()["force_refresh"]]
    assert len(forced) <= 15


async def test_a_refused_token_that_another_process_replaced_costs_no_fetch(
    platform: Platform, store: FakeStore, clock: ManualClock
) -> None:
    here, there = client_of(platform, store), client_of(platform, store)
    await here.send_custom({})
    await there.send_custom({})
    platform.refused.add("t1")
    await there.send_custom({})
    fetches = platform.count(TOKEN_PATH)

    await here.send_custom({})

    assert platform.count(TOKEN_PATH) == fetches and platform.last(SEND).query == {"access_token": "t2"}


async def test_many_calls_with_one_refused_token_replace_it_once(client: WeChatClient, platform: Platform) -> None:
    await client.send_custom({})
    platform.refused.add("t1")

    await asyncio.gather(*(client.send_custom({}) for _ in range(20)))

    assert platform.token_number == 2 and platform.count(TOKEN_PATH) == 3


async def test_a_flushed_store_only_costs_a_fetch(platform: Platform, store: FakeStore) -> None:
    await client_of(platform, store).send_custom({})
    store.flush()

    await client_of(platform, store).send_custom({})

    assert platform.count(TOKEN_PATH) == 2 and platform.token_number == 1


async def test_a_wrong_secret_is_told_to_everybody_who_waits(client: WeChatClient, platform: Platform) -> None:
    platform.says(TOKEN_PATH, no(40125, "invalid appsecret"))

    results = await asyncio.gather(*(client.send_custom({}) for _ in range(3)), return_exceptions=True)

    assert all(isinstance(result, BadCredential) for result in results) and platform.count(TOKEN_PATH) == 1
    assert "s" * 32 not in repr(results)


async def test_a_cancelled_caller_takes_nobody_with_it(
    client: WeChatClient, platform: Platform, clock: ManualClock
) -> None:
    platform.token_delay = 1.0
    first = asyncio.create_task(client.send_custom({}))
    await settle()
    second = asyncio.create_task(client.send_custom({}))
    await settle()

    first.cancel()
    await pass_time(clock, 1.2)

    await second
    assert first.cancelled() and platform.count(TOKEN_PATH) == 1


async def test_close_gives_up_a_fetch_under_way(client: WeChatClient, platform: Platform, store: FakeStore) -> None:
    platform.token_delay = 60.0
    call = asyncio.create_task(client.send_custom({}))
    await settle()

    await client.close()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert await store.claim("wechat:lending:wxba5fad812f8e6fb9:token", "next", 1) is None


async def test_a_loan_without_life_is_not_kept(clock: ManualClock, store: FakeStore) -> None:
    async def fetch(_force: bool) -> tuple[str, float]:
        return "short", 0.0

    keeper = Keeper("x", fetch, store, clock)

    assert [await keeper.value(), await keeper.value()] == ["short", "short"]
    assert json.loads((await store.get("wechat:loan:x")) or b"[]")[0] == "short"


async def test_no_answer_is_raised_as_what_it_is(client: WeChatClient, platform: Platform) -> None:
    platform.says(TOKEN_PATH, away())

    with pytest.raises(GatewayTrouble):
        await client.send_custom({})
