"""The faults tables and the draw that decides which fault strikes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulators.faults import BILLER_FAULTS, WECHATPAY_FAULTS, Fault, Faults

TABLES = {"wechatpay": WECHATPAY_FAULTS, "biller": BILLER_FAULTS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_names_and_suffixes_are_unique(table: tuple[Fault, ...]) -> None:
    suffixes = [fault.suffix for fault in table if fault.suffix is not None]

    assert len({fault.name for fault in table}) == len(table)
    assert len(set(suffixes)) == len(suffixes)
    assert all(0 <= suffix <= 99 for suffix in suffixes)
    assert all(fault.stages and fault.meaning for fault in table)


@pytest.mark.parametrize(
    ("name", "suffix", "fault"), [(n, f.suffix, f) for n, t in TABLES.items() for f in t if f.suffix is not None]
)
def test_every_suffix_strikes_its_stages_as_often_as_it_says(name: str, suffix: int, fault: Fault) -> None:
    faults = Faults(TABLES[name])
    for stage in fault.stages:
        drawn = [faults.draw(stage, "K", 4200 + suffix) for _ in range(4)]
        expected = 4 if fault.times is None else fault.times

        assert drawn == [fault.name] * expected + [""] * (4 - expected)


def test_each_key_has_its_own_count() -> None:
    faults = Faults(WECHATPAY_FAULTS)

    assert [faults.draw("create", key, 1309) for key in ("A", "A", "B")] == ["create_500", "", "create_500"]


def test_suffixes_can_be_switched_off() -> None:
    faults = Faults(WECHATPAY_FAULTS, by_suffix=False)
    assert faults.draw("pay", "A", 101) == ""

    faults.configure(by_suffix=True)

    assert faults.draw("pay", "A", 101) == "declined"


def test_forced_faults_strike_once_in_order_and_only_their_stage() -> None:
    faults = Faults(WECHATPAY_FAULTS, by_suffix=False)
    faults.force(["notice_late", "notice_never", "declined"])

    assert [faults.draw("notice", f"N{n}", 0) for n in range(3)] == ["notice_late", "notice_never", ""]
    assert [faults.draw("pay", "A", 0) for _ in range(2)] == ["declined", ""]


def test_rates_are_met_and_repeat_with_the_seed() -> None:
    rates = {"notice_duplicate": 0.1, "notice_never": 0.02}

    def run(seed: int) -> list[str]:
        faults = Faults(WECHATPAY_FAULTS, seed=seed, by_suffix=False, rates=rates)
        return [faults.draw("notice", f"ORDER{n}", 0) for n in range(10_000)]

    counts = Counter(run(1))
    assert 850 < counts["notice_duplicate"] < 1150
    assert 140 < counts["notice_never"] < 260
    assert run(1) == run(1)
    assert run(1) != run(2)


@given(st.permutations([f"K{n}" for n in range(12)]))
def test_the_verdict_does_not_depend_on_the_order_of_calls(order: list[str]) -> None:
    def verdicts(keys: list[str]) -> dict[str, str]:
        faults = Faults(WECHATPAY_FAULTS, seed=7, by_suffix=False, rates={"answer_dropped": 0.5})
        return {key: faults.draw("create", key, 0) for key in keys}

    assert verdicts(order) == verdicts(sorted(order))


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_is_a_probability(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults(WECHATPAY_FAULTS, rates={"declined": rate})


def test_unknown_faults_are_refused() -> None:
    faults = Faults(BILLER_FAULTS)
    with pytest.raises(ValueError, match="unknown fault 'typo'"):
        faults.force(["typo"])
    with pytest.raises(ValueError, match="unknown fault 'typo'"):
        faults.configure(rates={"typo": 0.1})


def test_the_forced_queue_is_bounded() -> None:
    faults = Faults(BILLER_FAULTS)
    with pytest.raises(ValueError, match="too many"):
        faults.force(["undo_used"] * 10_001)
