"""Access tokens: overlap, stability, forcing, ends, and page tokens of OAuth2."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulators.wechat.tokens import Tokens, Verdict
from tests.simulators.wechat_rig import ALICE, APPID, BOB, SECRET, Rig, rig

START = datetime(2025, 11, 23, 8, 0, tzinfo=UTC)
ASK = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_each_fetch_ends_the_previous_after_five_minutes() -> None:
    tokens = Tokens()
    first, seconds = tokens.fetch(at(0))
    second, _ = tokens.fetch(at(100))

    assert seconds == 7200
    assert tokens.judge(first, at(399)) is Verdict.GOOD
    assert tokens.judge(first, at(400)) is Verdict.UNKNOWN
    assert tokens.judge(second, at(7299)) is Verdict.GOOD
    assert tokens.judge(second, at(7300)) is Verdict.EXPIRED


def test_the_stable_token_stays_until_its_last_five_minutes() -> None:
    tokens = Tokens()
    first, _ = tokens.fetch_stable(at(0))
    same, left = tokens.fetch_stable(at(6899))
    other, fresh = tokens.fetch_stable(at(6900))

    assert (same, left) == (first, 301)
    assert other != first
    assert fresh == 7200
    assert tokens.judge(first, at(7199)) is Verdict.GOOD
    assert tokens.judge(other, at(7199)) is Verdict.GOOD


def test_the_two_interfaces_do_not_touch_each_other() -> None:
    tokens = Tokens()
    stable, _ = tokens.fetch_stable(at(0))
    tokens.fetch(at(1))
    tokens.fetch(at(2))

    assert tokens.judge(stable, at(1000)) is Verdict.GOOD
    assert tokens.fetch_stable(at(1000))[0] == stable


def test_forcing_kills_the_previous_at_once() -> None:
    tokens = Tokens()
    stable, _ = tokens.fetch_stable(at(0))
    forced = tokens.force_stable(at(1))

    assert forced is not None
    assert tokens.judge(stable, at(1)) is Verdict.UNKNOWN
    assert tokens.fetch_stable(at(2))[0] == forced[0]


def test_forcing_has_a_gap_and_a_daily_count() -> None:
    tokens = Tokens()
    assert tokens.force_stable(at(0))
    assert tokens.force_stable(at(29)) is None
    good = [tokens.force_stable(at(30 * n)) for n in range(1, 25)]

    assert sum(token is not None for token in good) == 19
    assert tokens.force_stable(at(86400))


@given(st.text(max_size=600))
def test_what_we_never_issued_is_malformed_or_unknown(value: str) -> None:
    assert Tokens().judge(value, at(0)) in (Verdict.MISSING, Verdict.MALFORMED, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"grant_type": "password"}, 40002),
        ({"secret": "wrong"}, 40125),
        ({"secret": ""}, 41004),
        ({"appid": "wx9"}, 40013),
        ({"appid": ""}, 41002),
    ],
)
async def test_both_interfaces_check_who_asks(change: dict[str, str], errcode: int) -> None:
    async with rig() as running:
        asked = {**ASK, **change}
        assert (await running.post("/cgi-bin/stable_token", asked))["errcode"] == errcode
        assert (await running.get("/cgi-bin/token", **asked))["errcode"] == errcode


async def test_the_four_verdicts_on_the_wire() -> None:
    async with rig() as running:
        token = (await running.get("/cgi-bin/token", **ASK))["access_token"]

        async def errcode(value: str) -> tuple[int, str]:
            answer = await running.get("/cgi-bin/menu/get", access_token=value)
            return answer["errcode"], answer["errmsg"]

        assert (await errcode(token))[0] == 46003
        assert (await errcode("short"))[0] == 40014
        unknown = await errcode("94_" + "x" * 128)
        assert unknown[0] == 40001
        assert "could get access_token by getStableAccessToken" in unknown[1]
        await running.clock.advance(7200)
        assert (await errcode(token))[0] == 42001


@pytest.mark.parametrize(("order", "errcode"), [("expire_tokens", 42001), ("revoke_tokens", 40001)])
async def test_tokens_end_on_demand(order: str, errcode: int) -> None:
    async with rig() as running:
        token = await running.token()
        await running.post("/_sim/faults", {order: True})

        assert (await running.get("/cgi-bin/menu/get", access_token=token))["errcode"] == errcode
        assert await running.token() != token


async def test_forced_refresh_on_the_wire() -> None:
    async with rig() as running:
        token = await running.token()
        forced = await running.post("/cgi-bin/stable_token", {**ASK, "force_refresh": True})
        assert forced["access_token"] != token
        assert (await running.post("/cgi-bin/stable_token", {**ASK, "force_refresh": True}))["errcode"] == 45011


# --- OAuth2 ---------------------------------------------------------------------------------------------------------

BACK = "http://127.0.0.1/oauth?x=1"


async def _authorize(running: Rig, **changes: str) -> tuple[int, dict[str, str], str]:
    query = {"appid": APPID, "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_base", "state": "s9"}
    url = running.url + "/connect/oauth2/authorize"
    async with running.session.get(url, params={**query, **changes}, allow_redirects=False) as response:
        location = response.headers.get("Location", "")
        pairs = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
        return response.status, pairs, await response.text()


async def _redeem(running: Rig, code: str, /, **changes: str) -> Any:
    query = {"appid": APPID, "secret": SECRET, "code": code, "grant_type": "authorization_code"}
    return await running.get("/sns/oauth2/access_token", **{**query, **changes})


async def test_a_code_is_good_once() -> None:
    async with rig() as running:
        status, pairs, _ = await _authorize(running)
        assert (status, pairs["x"], pairs["state"]) == (302, "1", "s9")
        answer = await _redeem(running, pairs["code"])
        assert (answer["openid"], answer["scope"], answer["expires_in"]) == (ALICE.openid, "snsapi_base", 7200)
        assert "errcode" not in answer
        assert (await _redeem(running, pairs["code"]))["errcode"] == 40163
        assert (await _redeem(running, "0never"))["errcode"] == 40029


async def test_a_code_ends_after_five_minutes() -> None:
    async with rig() as running:
        _, pairs, _ = await _authorize(running)
        await running.clock.advance(300)
        assert (await _redeem(running, pairs["code"]))["errcode"] == 40029


async def test_who_the_code_is_for() -> None:
    """The address, a header or the current phone names the user; the address wins."""
    async with rig() as running:
        _, pairs, _ = await _authorize(running, sim_openid=BOB.openid)
        assert (await _redeem(running, pairs["code"]))["openid"] == BOB.openid
        await running.post("/_sim/users", {"openid": BOB.openid, "current": True})
        _, pairs, _ = await _authorize(running)
        assert (await _redeem(running, pairs["code"]))["openid"] == BOB.openid


@pytest.mark.parametrize(
    "change",
    [
        {"appid": "wx9"},
        {"scope": "snsapi_all"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://evil.example/"},
        {"sim_openid": "oNOBODY"},
    ],
)
async def test_a_broken_link_shows_a_page_and_redirects_nowhere(change: dict[str, str]) -> None:
    async with rig() as running:
        await running.post("/_sim/plan", {"public_url": "http://127.0.0.1:8080"})
        status, pairs, text = await _authorize(running, **change)

        assert (status, pairs) == (200, {})
        assert "微信" in text


@pytest.mark.parametrize(
    ("change", "errcode"),
    [({"secret": "x"}, 40125), ({"grant_type": "x"}, 40002), ({"code": ""}, 41008), ({"appid": "wx9"}, 40013)],
)
async def test_redeeming_checks_who_asks(change: dict[str, str], errcode: int) -> None:
    async with rig() as running:
        _, pairs, _ = await _authorize(running)
        assert (await _redeem(running, pairs["code"], **change))["errcode"] == errcode
        assert (await _redeem(running, pairs["code"]))["openid"]


async def test_page_tokens_are_refreshed_and_tell_names() -> None:
    async with rig() as running:
        _, pairs, _ = await _authorize(running, scope="snsapi_userinfo")
        first = await _redeem(running, pairs["code"])
        assert first["unionid"] == "uALICE"
        query = {"appid": APPID, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = await running.get("/sns/oauth2/refresh_token", **query)
        who = {"access_token": second["access_token"], "openid": ALICE.openid}
        assert (await running.get("/sns/userinfo", **who))["nickname"] == "李小满"
        assert (await running.get("/sns/auth", **who))["errcode"] == 0
        await running.clock.advance(7200)
        assert (await running.get("/sns/auth", **who))["errcode"] == 40003
        await running.clock.advance(30 * 86400)
        assert (await running.get("/sns/oauth2/refresh_token", **query))["errcode"] == 42002
        query["refresh_token"] = "never"
        assert (await running.get("/sns/oauth2/refresh_token", **query))["errcode"] == 40030


async def test_the_base_scope_tells_no_names() -> None:
    async with rig() as running:
        _, pairs, _ = await _authorize(running)
        first = await _redeem(running, pairs["code"])
        who = {"access_token": first["access_token"], "openid": ALICE.openid}
        assert (await running.get("/sns/userinfo", **who))["errcode"] == 48001
        assert "unionid" not in first


async def test_pages_answer_json_as_plain_text() -> None:
    """A client that trusts the content type fails here as it does in the field."""
    async with rig() as running, running.session.get(running.url + "/sns/oauth2/access_token?appid=wx9") as response:
        assert response.content_type == "text/plain"
