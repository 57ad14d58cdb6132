"""Starts the simulators for rigs: python -m bot.simulators prints their addresses as one JSON line."""

import argparse
import asyncio
import json
import secrets
import signal
import socket
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from aiohttp import web

from bot.simulators import alipay, bankapp, biller, unionpay, wechat, wechatpay
from bot.simulators.clock import Clock, FactorClock
from bot.simulators.wechat.plan import changed

HOST = "127.0.0.1"
NAMES = ("wechatpay", "alipay", "unionpay", "bankapp", "biller", "wechat", "webview")
SECTIONS = frozenset(
    {"credentials", "alipay_credentials", "wechatpay", "alipay", "unionpay", "bankapp", "biller", "wechat"}
)
SHUTDOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What the simulators of one run are told: both sides' keys and a section for each.

    ``credentials`` are WeChat Pay's; the sections of UnionPay and of the bank hold their own.
    """

    credentials: wechatpay.Credentials
    alipay_credentials: alipay.Credentials
    wechatpay: Mapping[str, Any] = field(default_factory=dict)
    alipay: Mapping[str, Any] = field(default_factory=dict)
    biller: Mapping[str, Any] = field(default_factory=dict)
    wechat: Mapping[str, Any] = field(default_factory=dict)
    unionpay: Mapping[str, Any] = field(default_factory=dict)
    bankapp: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The shape that a configuration file has."""
        return {
            "credentials": self.credentials.to_json(),
            "alipay_credentials": self.alipay_credentials.to_json(),
            "wechatpay": dict(self.wechatpay),
            "alipay": dict(self.alipay),
            "biller": dict(self.biller),
            "wechat": dict(self.wechat),
            "unionpay": dict(self.unionpay),
            "bankapp": dict(self.bankapp),
        }


def read_setup(path: Path | None) -> Setup:
    """The setup of a JSON or TOML file; whatever it leaves out is generated. Raises ValueError if it is wrong."""
    facts: dict[str, Any] = {}
    if path is not None:
        text = path.read_text(encoding="utf-8")
        facts = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    if unknown := set(facts) - SECTIONS:
        raise ValueError(f"unknown sections: {', '.join(sorted(unknown))}")
    generated = {"code": "simulated-electricity", "secret": secrets.token_urlsafe(32)}
    credentials = (
        wechatpay.Credentials.from_json(facts["credentials"])
        if "credentials" in facts
        else wechatpay.generate_credentials()
    )
    alipay_credentials = (
        alipay.Credentials.from_json(facts["alipay_credentials"])
        if "alipay_credentials" in facts
        else alipay.generate_credentials()
    )
    platform = facts.get("wechat", {})
    if "accounts" not in platform:
        platform = {**platform, "accounts": [_account(credentials.appids[0])]}
    return Setup(
        credentials=credentials,
        alipay_credentials=alipay_credentials,
        wechatpay=facts.get("wechatpay", {}),
        alipay=facts.get("alipay", {}),
        biller={**generated, **facts.get("biller", {})},
        wechat=platform,
        unionpay=_with_keys(facts.get("unionpay", {}), unionpay),
        bankapp=_with_keys(facts.get("bankapp", {}), bankapp),
    )


def _with_keys(section: Mapping[str, Any], simulator: ModuleType) -> Mapping[str, Any]:
    """Return the section with both sides' keys, made where it has none."""
    if "credentials" in section:
        return section
    return {"credentials": simulator.generate_credentials().to_json(), **section}


def save_setup(setup: Setup, path: Path) -> None:
    """Write the setup, keys included, for its owner's eyes only; --config reads it back."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(setup.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")


def _account(appid: str) -> dict[str, str]:
    return {"appid": appid, "secret": secrets.token_hex(16), "token": secrets.token_hex(16)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.simulators", description=__doc__)
    for name in NAMES:
        parser.add_argument(f"--{name}-port", type=int, default=0, metavar="PORT", help="0 takes a free one")
    parser.add_argument("--clock-factor", type=float, default=1.0, metavar="N", help="divides every pause")
    parser.add_argument("--seed", type=int, help="replaces the seeds of the configuration")
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON or TOML, as --save-config writes it")
    parser.add_argument("--save-config", type=Path, metavar="FILE", help="write the configuration in force")
    return parser


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


def _applications(setup: Setup, clock: Clock, urls: Mapping[str, str], seed: int | None) -> dict[str, web.Application]:
    seeds = {} if seed is None else {"seed": seed}
    pay_plan = wechatpay.plan_from_settings(setup.credentials, {**setup.wechatpay, **seeds})
    alipay_plan = alipay.plan_from_settings(setup.alipay_credentials, {**setup.alipay, **seeds})
    bill_plan = biller.plan_from_settings({**setup.biller, **seeds})
    around = {"wechatpay_url": urls["wechatpay"], "webview_url": urls["webview"], **setup.wechat}
    chat_plan = changed(wechat.WeChatPlan(accounts=()), around)
    platform = wechat.make(chat_plan, clock)
    return {
        "wechatpay": wechatpay.make(pay_plan, clock),
        "alipay": alipay.make(alipay_plan, clock),
        "unionpay": _made(unionpay, {**setup.unionpay, **seeds}, clock),
        "bankapp": _made(bankapp, {**setup.bankapp, **seeds}, clock),
        "biller": biller.make(bill_plan, clock),
        "wechat": platform,
        "webview": wechat.make_webview(chat_plan, clock, platform),
    }


def _made(simulator: ModuleType, section: Mapping[str, Any], clock: Clock) -> web.Application:
    facts = dict(section)
    credentials = simulator.Credentials.from_json(facts.pop("credentials"))
    app: web.Application = simulator.make(simulator.plan_from_settings(credentials, facts), clock)
    return app


async def serve(arguments: argparse.Namespace, stop: asyncio.Event) -> None:
    """Run all simulators until `stop` is set, then end them in the reverse order."""
    setup = read_setup(arguments.config)
    if arguments.save_config is not None:
        save_setup(setup, arguments.save_config)
    async with AsyncExitStack() as stack:
        listeners: dict[str, socket.socket] = {}
        for name in NAMES:
            listeners[name] = _listen(getattr(arguments, f"{name}_port"))
            stack.callback(listeners[name].close)
        urls = {name: f"http://{HOST}:{listener.getsockname()[1]}" for name, listener in listeners.items()}
        clock = FactorClock(arguments.clock_factor)
        for name, app in _applications(setup, clock, urls, arguments.seed).items():
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listeners[name]).start()
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        await stop.wait()


async def _until_signal(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(arguments, stop)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; ends with 2 and one sentence when the configuration or a port is wrong."""
    try:
        asyncio.run(_until_signal(_parser().parse_args(argv)))
    except (OSError, ValueError, TypeError, KeyError) as fault:
        sys.stderr.write(f"python -m bot.simulators: {type(fault).__name__}: {fault}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
