"""The small parts: idempotency keys, schedules, the registry of gateways, sealed requests."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import Conflict, NotFound
from bot.kernel.masking import Secret
from bot.payments import idempotency, policy, requests
from bot.payments.facts import NewCharge, Way
from bot.payments.registry import Gateways
from bot.storage.port import Tx
from bot.storage.vault import Vault
from tests.payments.world import SECRET, START, World


async def test_a_key_remembers_its_first_result_and_refuses_other_inputs(world: World) -> None:
    done: list[str] = []

    async def ask(key: str, amount: int, result: str | None) -> str | None:
        async def work() -> str | None:
            done.append(key)
            return result

        async def effect(tx: Tx) -> str | None:
            inputs: dict[str, idempotency.Input] = {"amount": amount, "order": "ord_1"}
            return await idempotency.once(tx, scope="s", key=key, inputs=inputs, now=START, work=work)

        return await world.database.effect(effect)

    assert await ask("a", 5, "first") == "first"
    assert await ask("a", 5, "second") == "first"
    with pytest.raises(Conflict, match="idempotency_conflict"):
        await ask("a", 6, "third")
    # A request that was declined has used up nothing: its key may come again, with other inputs too.
    assert await ask("b", 5, None) is None
    assert await ask("b", 6, "later") == "later"
    assert done == ["a", "b", "b"]


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5), st.none())))
def test_the_order_of_inputs_does_not_matter(inputs: dict[str, idempotency.Input]) -> None:
    turned = dict(reversed(list(inputs.items())))

    assert idempotency.input_hash(inputs) == idempotency.input_hash(turned)
    assert idempotency.input_hash(inputs) != idempotency.input_hash({**inputs, "one more": "x"})


def test_queries_come_at_5_10_30_60_seconds_and_then_ever_less_often() -> None:
    at, moments = 0.0, []
    for queries in range(8):
        at += policy.query_pause(queries)
        moments.append(at)

    assert moments == [5, 10, 30, 60, 120, 300, 600, 900]


@given(st.integers(0, 50), st.floats(0, 1200), st.floats(0, 60))
def test_a_question_is_never_later_than_the_moment_when_the_charge_may_be_closed(
    queries: int, age: float, grace: float
) -> None:
    expires = START + timedelta(seconds=900)
    now = START + timedelta(seconds=age)

    asked = policy.next_query(now, queries, expires, grace)

    assert asked > now
    assert asked <= max(expires + timedelta(seconds=grace), now + timedelta(seconds=policy.QUERY_EVERY))
    if not policy.over(now, expires, grace):
        assert asked <= expires + timedelta(seconds=grace)


def test_pauses_grow_and_the_last_one_stays() -> None:
    assert [policy.pause((1.0, 2.0, 4.0), attempt) for attempt in (-1, 0, 1, 2, 3, 99)] == [1, 1, 2, 4, 4, 4]


async def test_a_wallet_leads_to_the_gateway_and_account_of_a_merchant(world: World) -> None:
    gateways = world.payments.gateways

    async def route(wallet: str, merchant: str, way: Way) -> object:
        return await gateways.route(world.database, wallet=wallet, merchant_id=merchant, way=way)

    found = await gateways.route(world.database, wallet="wechat", merchant_id="mer", way=Way.JSAPI)
    assert found is not None
    assert (found.gateway.name, found.account) == ("scripted", "main")
    assert await route("wechat", "mer", Way.H5) is None
    assert await route("alipay", "mer", Way.JSAPI) is None
    assert await route("wechat", "nobody", Way.JSAPI) is None
    await world.execute("UPDATE merchants SET gateways = '{}'")
    assert await route("wechat", "mer", Way.JSAPI) is None
    assert gateways.notify_url("scripted", "main") == "https://pay.example.com/notify/scripted/main"
    assert gateways.names == ("scripted",)
    with pytest.raises(NotFound):
        gateways.get("other")


def test_a_wallet_needs_a_gateway_that_is_there() -> None:
    with pytest.raises(ValueError, match="missing"):
        Gateways({}, {"wechat": "missing"}, "https://pay.example.com")


async def test_the_sealed_request_opens_to_the_very_request(world: World) -> None:
    """A create without an answer must be repeated identically, down to the microsecond of its expiry."""
    order = await world.order()
    ready = await world.open(order)
    charge = await world.charge(ready.charge_id)
    sent = world.gateway.requests[0]

    assert requests.open_request(world.vault, charge) == sent
    assert isinstance(sent, NewCharge)
    assert b"openid-1" not in charge.request_sealed
    assert "openid-1" not in repr(charge)
    assert requests.open_handover(world.vault, charge) == ready.handover
    assert requests.reference(world.vault, charge).payer_app == sent.payer_app
    stranger = Vault.from_secrets([Secret(SECRET[::-1])])
    with pytest.raises(Exception, match="undecipherable"):
        requests.open_request(stranger, charge)
