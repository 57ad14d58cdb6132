"""Turns what an official account received into the dialogue's event, which knows nothing of WeChat."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from bot.channels.official.messages import (
    AuthorizationChanged,
    GrantsAsked,
    GrantsChanged,
    ImageMessage,
    LinkMessage,
    LocationMessage,
    LocationReported,
    MassFinished,
    MenuClicked,
    MenuPictured,
    MenuPlaced,
    MenuScanned,
    MenuViewed,
    Message,
    NoticesSent,
    RawEvent,
    RawMessage,
    ScannedCode,
    StaffSession,
    Subscribed,
    TemplateFinished,
    TextMessage,
    Unsubscribed,
    VideoMessage,
    VoiceMessage,
)
from bot.dialogue.event import Event, Followed, Happening, Left, Noted, Pictured, Placed, Pressed, Said, Scanned
from bot.kernel.text import without_control

CHANNEL: Final = "official"
# A raw event's fields are kept for whoever wants them, but not without end.
_FACTS_MAX: Final = 40
_FACT_CHARS: Final = 500


def to_event(message: Message, *, account: str, key: str, trace_id: str) -> Event:
    """Return the event; ``key`` is the push's own and ``account`` the operator's name of the account.

    A message that we cannot read (a video, a kind that is new) becomes empty words: the customer said something and
    expects an answer. Events that no customer awaits an answer to become notes.
    """
    subject = message.head.sender
    if isinstance(message, AuthorizationChanged) and message.openid:
        subject = message.openid
    at = datetime.fromtimestamp(message.head.at, UTC)
    return Event(key, CHANNEL, account, subject, at, trace_id, _what(message))


def _what(message: Message) -> Happening:
    match message:
        case TextMessage():
            return Said(without_control(message.content), "choice" if message.menu_id else "text")
        case VoiceMessage():
            return Said(without_control(message.recognition), "voice")
        case ImageMessage():
            return Pictured(message.media_id, message.pic_url)
        case LocationMessage():
            return Placed(message.latitude, message.longitude, asked=True)
        case LinkMessage():
            return Said(without_control(message.title))
        case VideoMessage() | RawMessage():
            return Said("")
        case _:
            return _happened(message)


def _happened(event: Message) -> Happening:
    match event:
        case MenuClicked():
            return Pressed(event.key)
        case ScannedCode():
            return Scanned(event.scene)
        case Subscribed(scene=str() as scene):
            return Scanned(scene, first=True)
        case Subscribed():
            return Followed()
        case Unsubscribed():
            return Left()
        case LocationReported():
            return Placed(event.latitude, event.longitude, asked=False)
        case MenuScanned(waiting=True):
            # Any code at all, a paper bill's bar code for one: words of the customer, not a scene that we issued.
            return Said(without_control(event.result))
        case _:
            return Noted(*_note(event))


def _note(event: Message) -> tuple[str, Mapping[str, str]]:
    match event:
        case MenuViewed():
            kind = "view_miniprogram" if event.in_miniprogram else "view"
            return kind, {"target": event.target, "menu_id": event.menu_id}
        case MenuScanned():
            return "scancode_push", {"key": event.key, "scan_type": event.scan_type, "result": event.result}
        case MenuPictured():
            return event.way, {"key": event.key, "count": str(len(event.md5s))}
        case MenuPlaced():
            facts = {"latitude": event.latitude, "longitude": event.longitude, "label": event.label}
            return "location_select", {"key": event.key, **facts}
        case StaffSession():
            return event.step, {"staff": event.staff, "to_staff": event.to_staff}
        case AuthorizationChanged():
            return event.step, {"app_id": event.app_id, "revoked": event.revoked}
        case TemplateFinished() | MassFinished():
            return _note_of_sending(event)
        case GrantsAsked() | GrantsChanged() | NoticesSent():
            return note_of_notices(event)
        case RawEvent():
            return event.event, flat(event)
        case _:
            return type(event).__name__.lower(), {}


def _note_of_sending(event: TemplateFinished | MassFinished) -> tuple[str, Mapping[str, str]]:
    facts = {"msg_id": event.head.msg_id, "status": event.status}
    if isinstance(event, TemplateFinished):
        return "template_finished", facts
    return "mass_finished", {**facts, "total": str(event.total), "sent": str(event.sent), "errors": str(event.errors)}


def note_of_notices(event: GrantsAsked | GrantsChanged | NoticesSent) -> tuple[str, Mapping[str, str]]:
    """Return facts numbered by entry: ``0.template_id``, ``0.status`` …"""
    match event:
        case GrantsAsked() | GrantsChanged():
            kind = "grants_asked" if isinstance(event, GrantsAsked) else "grants_changed"
            rows = [{"template_id": grant.template_id, "status": grant.status} for grant in event.grants]
        case NoticesSent():
            kind = "notices_sent"
            rows = [
                {"template_id": sent.template_id, "msg_id": sent.msg_id, "error_code": sent.error_code}
                for sent in event.results
            ]
    return kind, {f"{place}.{name}": value for place, row in enumerate(rows) for name, value in row.items()}


def flat(event: RawEvent) -> Mapping[str, str]:
    """Return as many of a raw event's texts as are kept."""
    texts = ((name, value) for name, value in event.fields.items() if isinstance(value, str))
    return {name: value[:_FACT_CHARS] for name, value in list(texts)[:_FACTS_MAX]}
