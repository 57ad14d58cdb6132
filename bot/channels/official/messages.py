"""What an official account receives, as values named as the documents name it (接收普通消息, 接收事件推送)."""

from dataclasses import dataclass
from typing import Literal

from bot.channels.wire.fields import Fields

PictureWay = Literal["pic_sysphoto", "pic_photo_or_album", "pic_weixin"]
StaffStep = Literal["kf_create_session", "kf_close_session", "kf_switch_session"]
AuthorizationStep = Literal["user_info_modified", "user_authorization_revoke", "user_authorization_cancellation"]


@dataclass(frozen=True, slots=True)
class Head:
    """Who wrote to whom and when; ``at`` is in seconds since 1970. Events have a ``msg_id`` only as send results."""

    to: str
    sender: str
    at: int
    msg_id: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """``menu_id`` is set when the customer tapped an entry of a menu message (msgmenu) instead of typing."""

    head: Head
    content: str
    menu_id: str = ""


@dataclass(frozen=True, slots=True)
class ImageMessage:
    head: Head
    media_id: str
    pic_url: str


@dataclass(frozen=True, slots=True)
class VoiceMessage:
    """``recognition`` is empty where the account has speech recognition off."""

    head: Head
    media_id: str
    format: str
    recognition: str


@dataclass(frozen=True, slots=True)
class VideoMessage:
    head: Head
    media_id: str
    thumb_media_id: str
    short: bool


@dataclass(frozen=True, slots=True)
class LocationMessage:
    """Degrees as they were sent; ``label`` is the address in words."""

    head: Head
    latitude: str
    longitude: str
    scale: str
    label: str


@dataclass(frozen=True, slots=True)
class LinkMessage:
    head: Head
    title: str
    description: str
    url: str


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A kind of message that we do not know, or one of a known kind whose fields are not the documented ones."""

    head: Head
    kind: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Subscribed:
    """``scene`` is that of our parametric code, without ``qrscene_``; None where the customer came without one."""

    head: Head
    scene: str | None
    ticket: str
    event_key: str


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    head: Head


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """A follower scanned our parametric code."""

    head: Head
    scene: str
    ticket: str


@dataclass(frozen=True, slots=True)
class LocationReported:
    head: Head
    latitude: str
    longitude: str
    precision: str


@dataclass(frozen=True, slots=True)
class MenuClicked:
    head: Head
    key: str


@dataclass(frozen=True, slots=True)
class MenuViewed:
    """A menu entry opened a page, or a page of a mini-program."""

    head: Head
    target: str
    menu_id: str
    in_miniprogram: bool


@dataclass(frozen=True, slots=True)
class MenuScanned:
    """A menu entry scanned any code at all; ``waiting`` where the client shows that it awaits our message."""

    head: Head
    key: str
    scan_type: str
    result: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class MenuPictured:
    """A menu entry sent pictures; they follow as messages of their own, here are only their MD5 sums."""

    head: Head
    way: PictureWay
    key: str
    md5s: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MenuPlaced:
    """A menu entry chose a place; it follows as a message of its own."""

    head: Head
    key: str
    latitude: str
    longitude: str
    label: str
    poi: str


@dataclass(frozen=True, slots=True)
class TemplateFinished:
    """``status`` is ``success``, ``failed:user block``, ``failed: system failed`` or ``failed:freq limit``."""

    head: Head
    status: str


@dataclass(frozen=True, slots=True)
class MassFinished:
    head: Head
    status: str
    total: int
    filtered: int
    sent: int
    errors: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The customer's answer for one template: ``accept`` or ``reject``; an accept is good for one message."""

    template_id: str
    status: str
    scene: str = ""


@dataclass(frozen=True, slots=True)
class GrantsAsked:
    """The customer answered the pop-up that asks for subscribe messages."""

    head: Head
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class GrantsChanged:
    """The customer changed grants on the settings page; only refusals are pushed."""

    head: Head
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class NoticeSent:
    """What became of one subscribe message; ``error_code`` is ``0`` for a delivered one."""

    template_id: str
    msg_id: str
    error_code: str
    error_status: str


@dataclass(frozen=True, slots=True)
class NoticesSent:
    head: Head
    results: tuple[NoticeSent, ...]


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A person of the customer service took over, gave on or ended the conversation."""

    head: Head
    step: StaffStep
    staff: str
    to_staff: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizationChanged:
    """The customer changed or withdrew what a page may know, or deleted their WeChat account.

    The sender of this event is WeChat's own service; the customer is ``openid``.
    """

    head: Head
    step: AuthorizationStep
    openid: str
    app_id: str
    revoked: str


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event that we do not know, or a known one whose fields are not the documented ones; named in lower case."""

    head: Head
    event: str
    fields: Fields


Message = (
    TextMessage
    | ImageMessage
    | VoiceMessage
    | VideoMessage
    | LocationMessage
    | LinkMessage
    | RawMessage
    | Subscribed
    | Unsubscribed
    | ScannedCode
    | LocationReported
    | MenuClicked
    | MenuViewed
    | MenuScanned
    | MenuPictured
    | MenuPlaced
    | TemplateFinished
    | MassFinished
    | GrantsAsked
    | GrantsChanged
    | NoticesSent
    | StaffSession
    | AuthorizationChanged
    | RawEvent
)
