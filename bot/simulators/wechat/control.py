"""The control interface under /_sim: tests order what people do and what goes wrong."""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from aiohttp import web

from bot.simulators.wechat import caller, doings
from bot.simulators.wechat.plan import Account, Person, WeChatPlan, changed
from bot.simulators.wechat.world import WORLD, Contact, Media, World

Answer = Callable[[web.Request, World, dict[str, Any]], Awaitable[Any]]


def controlled(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Parse the JSON body, run, and turn what cannot be done into 400 with a sentence."""

    @wraps(answer)
    async def handle(request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            if not isinstance(body, dict):
                raise ValueError("the body is no JSON object")
            return web.json_response(await answer(request, request.app[WORLD], body), dumps=_dumps)
        except (ValueError, KeyError, TypeError, doings.NotPossible) as fault:
            return web.json_response({"error": f"{type(fault).__name__}: {fault}"}, status=400)

    return handle


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def whom(world: World, body: dict[str, Any]) -> tuple[Account, Contact]:
    """The account and contact a body names by `appid` (default: the first) and `openid` (default: current)."""
    account = world.plan.account(str(body.get("appid", "")))
    if account is None:
        raise ValueError("no such appid")
    contact = world.contact(account, str(body.get("openid") or world.current))
    if contact is None:
        raise ValueError("no such openid; add the person by POST /_sim/users")
    return account, contact


async def say(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/say {openid, text, appid?, menuid?, copies?} → {replies, attempts, fault, …}."""
    account, contact = whom(world, body)
    values = {"text": str(body["text"]), "menuid": body.get("menuid"), "copies": body.get("copies", 1)}
    return (await doings.send_message(world, account, contact, "text", values)).view()


async def event(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/event {openid, event | msgtype, …}: any event, or a message of another type."""
    account, contact = whom(world, body)
    if "msgtype" in body:
        return (await doings.send_message(world, account, contact, str(body["msgtype"]), body)).view()
    return (await doings.cause_event(world, account, contact, str(body["event"]), body)).view()


async def picture(request: web.Request) -> web.Response:
    """POST /_sim/picture?openid=&appid=, the body being the bytes of a picture: the person takes and sends it."""
    world = request.app[WORLD]
    data = await request.read()
    try:
        account, contact = whom(world, dict(request.query))
        if not data:
            raise ValueError("the body is the picture")
        content_type = request.content_type if request.content_type.startswith("image/") else "image/png"
        media_id = secrets.token_urlsafe(48)
        world.book(account).media[media_id] = Media("image", content_type, data, world.clock.now())
        # The address is WeChat's own and leads nowhere here: whoever opens it instead of asking by the id fails.
        values = {"media_id": media_id, "pic_url": f"http://mmbiz.qpic.cn/mmbiz_jpg/{media_id}/0"}
        sent = (await doings.send_message(world, account, contact, "image", values)).view()
        return web.json_response({**sent, "media_id": media_id}, dumps=_dumps)
    except (ValueError, doings.NotPossible) as fault:
        return web.json_response({"error": f"{type(fault).__name__}: {fault}"}, status=400)


async def scan(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/scan {openid, url}: scan a parametric code by its url or ticket."""
    account, contact = whom(world, body)
    code = doings.scene_code(world, str(body["url"]))
    if code is None:
        raise ValueError("no living parametric code with this url or ticket")
    account = world.plan.account(code.appid) or account
    return (await doings.scan_scene(world, account, contact, code)).view()


async def chat(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """GET /_sim/chat/{openid}?appid=: everything said, both ways."""
    who = {"openid": request.match_info["openid"], "appid": request.query.get("appid", "")}
    _, contact = whom(world, who)
    return {
        "openid": contact.openid,
        "follows": contact.follows,
        "windows": contact.windows.view(world.clock.now()),
        "grants": dict(contact.grants),
        "messages": list(contact.chat),
    }


async def faults(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/faults: see faults.Faults.order, plus expire_tokens, revoke_tokens, block, unblock."""
    world.faults.order(body)
    now = world.clock.now()
    for account in world.plan.accounts:
        tokens = world.book(account).tokens
        if body.get("expire_tokens"):
            tokens.expire_all(now)
        if body.get("revoke_tokens"):
            tokens.revoke_all(now)
        for name in ("block", "unblock"):
            contact = world.contact(account, str(body.get(name, "")))
            if contact:
                contact.blocked = name == "block"
    return world.faults.view()


async def users(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/users {openid, nickname?, unionid?, follows?, blocked?, grants?, current?}; GET lists."""
    if request.method == "POST":
        known = next((item for item in world.people() if item.openid == body["openid"]), None)
        person = known or Person(openid=str(body["openid"]))
        named = {key: body[key] for key in ("nickname", "unionid", "follows") if key in body}
        world.add_person(replace(person, **named))
        if body.get("current"):
            world.current = person.openid
        for account in world.plan.accounts:
            _contact_set(world.contact(account, person.openid), body)
    return {"current": world.current, "users": [_person(world, item) for item in world.people()]}


def _contact_set(contact: Contact | None, body: dict[str, Any]) -> None:
    if contact is None:
        return
    contact.follows = bool(body.get("follows", contact.follows))
    contact.blocked = bool(body.get("blocked", contact.blocked))
    for template_id, count in dict(body.get("grants", {})).items():
        contact.grants[str(template_id)] = int(count)


def _person(world: World, person: Person) -> dict[str, Any]:
    first = world.plan.accounts[0]
    return {
        "openid": person.openid,
        "unionid": person.unionid,
        "nickname": person.nickname,
        "openids": {account.appid: person.openid_at(account, first) for account in world.plan.accounts},
    }


async def calls(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """GET /_sim/calls?path=: the call log; DELETE empties it."""
    if request.method == "DELETE":
        world.calls.clear()
    path = request.query.get("path", "")
    found = [call for call in world.calls if not path or call["path"] == path]
    return {"count": len(found), "calls": found}


async def quotas(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """GET /_sim/quotas: calls of today by account and path, and pushes by kind."""
    used = {account.appid: dict(world.book(account).quotas.used) for account in world.plan.accounts}
    return {"used": used, "pushes": dict(world.pushes)}


async def plan(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/plan: put fields over the plan; GET shows it without secrets."""
    if body:
        world.replan(changed(world.plan, body))
    return shown(world.plan)


def shown(given: WeChatPlan) -> dict[str, Any]:
    """A plan without its secrets."""
    return {
        "title": given.title,
        "public_url": given.public_url,
        "webview_url": given.webview_url,
        "wechatpay_url": given.wechatpay_url,
        "trail_url": given.trail_url,
        "reply_seconds": given.reply_seconds,
        "chips": list(given.chips),
        "codes": [{"label": code.label, "url": code.url} for code in given.codes],
        "accounts": [
            {
                "appid": account.appid,
                "name": account.name,
                "mode": account.mode,
                "format": account.format,
                "webhook_url": account.webhook_url,
                "original_id": account.original_id,
            }
            for account in given.accounts
        ],
    }


async def verify(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /_sim/verify {appid?}: the console's GET check of the server address."""
    account = world.plan.account(str(body.get("appid", "")))
    if account is None:
        raise ValueError("no such appid")
    return {"ok": await caller.verify(world, account)}


async def show_faults(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """GET /_sim/faults: what is still to come."""
    return world.faults.view()


def routes() -> list[web.RouteDef]:
    """All control routes."""
    return [
        web.post("/_sim/say", controlled(say)),
        web.post("/_sim/event", controlled(event)),
        web.post("/_sim/scan", controlled(scan)),
        web.post("/_sim/picture", picture),
        web.get("/_sim/chat/{openid}", controlled(chat)),
        web.get("/_sim/faults", controlled(show_faults)),
        web.post("/_sim/faults", controlled(faults)),
        web.get("/_sim/users", controlled(users)),
        web.post("/_sim/users", controlled(users)),
        web.get("/_sim/calls", controlled(calls)),
        web.delete("/_sim/calls", controlled(calls)),
        web.get("/_sim/quotas", controlled(quotas)),
        web.get("/_sim/plan", controlled(plan)),
        web.post("/_sim/plan", controlled(plan)),
        web.post("/_sim/verify", controlled(verify)),
    ]
