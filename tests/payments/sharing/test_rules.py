"""A rule that could not be kept is never proposed, and one in force is known by its version for ever."""

from typing import Any

import pytest

from bot.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from bot.payments.faculties import Receiver
from bot.payments.sharing import rules
from bot.payments.sharing.rules import NewRule
from bot.payments.sharing.split import Term
from tests.payments.sharing.rig import AGENT, OWNERS, RECEIVERS, TERMS, ShareWorld

GOOD = NewRule("mer", 3_000, TERMS, RECEIVERS)


def rule(*terms: Term, cap: int = 3_000, receivers: Any = None, **more: Any) -> NewRule:
    own = {term.receiver: Receiver("merchant", term.receiver) for term in terms}
    return NewRule("mer", cap, terms, own if receivers is None else receivers, **more)


BAD = {
    "cap_of_zero": rule(cap=0),
    "cap_above_the_limit": rule(cap=3_001),
    "two_of_a_key": rule(Term("a", ratio=1), Term("a", ratio=2)),
    "two_of_a_number": rule(
        Term("a", ratio=1), Term("b", ratio=1), receivers={k: Receiver("merchant", "1") for k in "ab"}
    ),
    "nobody_behind_a_key": rule(Term("a", ratio=1), receivers={}),
    "a_key_that_no_account_takes": rule(Term("a:b", ratio=1)),
    "no_number": rule(Term("a", ratio=1), receivers={"a": Receiver("merchant", "")}),
    "neither": rule(Term("a")),
    "both": rule(Term("a", ratio=1, fixed=1)),
    "nothing": rule(Term("a", ratio=0)),
    "negative": rule(Term("a", fixed=-5)),
    "above_the_cap": rule(Term("a", ratio=2_000), Term("b", ratio=1_001)),
    "too_many": rule(*(Term(f"r{n}", ratio=1) for n in range(21))),
}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD)
def test_a_wrong_rule_is_refused(wrong: NewRule) -> None:
    rules.check(GOOD, 3_000)
    with pytest.raises(BadRequest, match="share_rule"):
        rules.check(wrong, 3_000)


async def propose(sharing: ShareWorld, new: NewRule, actor: str = "ann") -> str:
    world = sharing.world
    return await world.database.effect(
        lambda tx: rules.propose_in(tx, world.vault, new, actor=actor, cap_max=3_000, now=world.clock.now())
    )


async def test_versions_follow_each_other_and_one_is_in_force(plain: ShareWorld) -> None:
    first, second = await plain.rule(*TERMS), await plain.rule(Term("owners", ratio=500))
    third = await propose(plain, GOOD)

    listed = await rules.of_merchant(plain.world.database, plain.world.vault, "mer")

    assert [(each.id, each.version, each.state) for each in listed] == [(second, 2, "active"), (third, 3, "proposed")]
    assert listed[0].masked == {"owners": "****0111"}
    assert (await rules.by_ids(plain.world.database, [first]))[first].terms == TERMS
    trail = await plain.world.rows("SELECT actor, action FROM audit WHERE subject = $1 ORDER BY seq", first)
    assert [tuple(row) for row in trail] == [("ann", "share_rule.proposed"), ("bob", "share_rule.adopted")]
    assert await plain.audit() == []


async def test_nothing_about_a_receiver_lies_in_the_clear(sharing: ShareWorld) -> None:
    [row] = await sharing.world.rows("SELECT * FROM share_rules")
    jobs = await sharing.world.rows("SELECT payload FROM outbox")

    seen = repr([tuple(row), *(tuple(each) for each in jobs)])

    assert AGENT not in seen
    assert OWNERS not in seen
    assert "李四" not in seen


async def test_one_name_and_a_decided_rule(plain: ShareWorld) -> None:
    world = plain.world
    rule_id = await propose(plain, GOOD)
    now = world.clock.now()

    with pytest.raises(Forbidden, match="same_person"):
        await world.database.effect(lambda tx: rules.adopt_in(tx, rule_id, actor="ann", now=now))
    await world.database.effect(lambda tx: rules.refuse_in(tx, rule_id, actor="bob", now=now))
    for decide in (rules.adopt_in, rules.refuse_in):
        with pytest.raises(Conflict, match="share_rule_state"):
            await world.database.effect(lambda tx, decide=decide: decide(tx, rule_id, actor="cid", now=now))
    with pytest.raises(NotFound, match="share_rule_unknown"):
        await world.database.effect(lambda tx: rules.adopt_in(tx, "rul_none", actor="cid", now=now))


async def test_of_nobody_s_merchant_or_item(plain: ShareWorld) -> None:
    with pytest.raises(NotFound, match="merchant_unknown"):
        await propose(plain, NewRule("nobody", 3_000, (), {}))
    with pytest.raises(NotFound, match="item_unknown"):
        await propose(plain, NewRule("mer", 3_000, (), {}, "nothing"))


async def test_two_rules_know_a_receiver_by_one_key(sharing: ShareWorld) -> None:
    """The books count by key: two keys of one receiver, or two receivers of one key, would mix sums."""
    for receivers in ({"other": Receiver("merchant", OWNERS)}, {"owners": Receiver("merchant", "1900000999")}):
        [key] = receivers
        with pytest.raises(BadRequest, match="share_rule"):
            await propose(sharing, NewRule("mer", 3_000, (Term(key, ratio=1),), receivers, "power"))
    assert await propose(sharing, NewRule("mer", 3_000, (TERMS[0],), {"owners": RECEIVERS["owners"]}, "power"))


def test_a_rule_is_read_from_a_file() -> None:
    listed = [
        {"key": "owners", "ratio": 1_000, "kind": "merchant", "number": OWNERS},
        {
            "key": "agent",
            "fixed": 50,
            "kind": "person",
            "number": AGENT,
            "app": "wxapp",
            "name": "李四",
            "relation": "STAFF",
        },
    ]

    read = rules.read({"merchant": "mer", "receivers": listed})

    assert (read.merchant_id, read.item_id, read.cap, read.terms) == ("mer", "", 3_000, TERMS)
    assert (read.receivers["agent"].kind, read.receivers["agent"].relation) == ("person", "STAFF")
    assert read.receivers["agent"].name is not None
    assert read.receivers["agent"].name.reveal() == "李四"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"merchant": "m", "receivers": [{}]},
        {"merchant": "m", "receivers": [{"key": "a", "ratio": 0.5, "kind": "merchant", "number": "1"}]},
        {"merchant": "m", "receivers": [{"key": "a", "ratio": True, "kind": "merchant", "number": "1"}]},
        {"merchant": "m", "cap": "much"},
        {"merchant": "m", "receivers": 5},
    ],
)
def test_a_file_that_holds_no_rule(document: Any) -> None:
    with pytest.raises(BadRequest, match="share_rule"):
        rules.read(document)
