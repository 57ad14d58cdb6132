"""Reads what people say about their saved accounts: naming, listing, deleting, and meaning one by its nickname."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.customers.accounts import SavedAccount
from bot.dialogue import cues
from bot.dialogue.topics import TOPICS

NICKNAME_MAX: Final = 12
_FIT: Final = re.compile(rf"[\u3400-\u9fffA-Za-z0-9·' ]{{2,{NICKNAME_MAX}}}")
_NUMBER: Final = re.compile(r"\d{5,}")
# What a nickname would take away from everybody who says it.
_RESERVED_WORDS: Final = (
    "人工,客服,取消,全部,所有,更多,确认,是,否,好,都,全,一起,返回,菜单,什么,谁,啥,名字,别的,其他,电话,一下,帮忙,"
    "这个,那个,它,户号,账号,房号,老样子,人,外卖,车,我,你,他"
)
_RESERVED: Final = frozenset(_RESERVED_WORDS.split(",")) | {
    word for topic in TOPICS.values() for word in (topic.name, *topic.words)
}

# What the table of the field's words leaves out and the words for naming need.
_MORE: Final = str.maketrans("將備註為媽稱標記號棟單", "将备注为妈称标记号栋单")

_TAIL: Final = r"[吧了啊呀哦。.!！~\s]*$"
_NAMES: Final = (
    r"(?:(?:备注|命名|改名|起个?名字?|取个?名字?|名字改?|标记?|存|记)(?:一下)?(?:为|成|叫做?|作|是)?|"
    r"叫做?|称为|设(?:为|成)|改(?:为|成|叫))"
)
_NICK: Final = r"\s*[“”\"'「『《]?(?P<nick>[^“”\"「」『』《》,，。;；:：?？!！]{1,24}?)[“”\"'」』》]?"
_NAMING: Final = (
    re.compile(rf"^(?:请|麻烦|帮我|给我|我想|我要)*(?:把|将|给)(?P<target>.{{1,40}}?){_NAMES}{_NICK}{_TAIL}"),
    re.compile(rf"^(?P<target>(?=.*\d)[\d栋幢座号楼单元室a-z* -]{{3,40}}?)\s*{_NAMES}{_NICK}{_TAIL}", re.IGNORECASE),
    re.compile(
        rf"^(?P<target>)(?:就|请)?(?:备注|命名|改名|起个?名字?|取个?名字?)(?:一下)?(?:为|成|叫做?)?{_NICK}{_TAIL}"
    ),
    re.compile(
        rf"^(?P<target>)就?叫(?:它|做)?(?P<nick>.{{0,8}}(?:家|公司|店|厂|单位|办公室|宿舍|房|屋|铺|仓库)){_TAIL}"
    ),
    re.compile(r"^(?:call|name|label)\s+(?P<target>it|this|[\d-]{5,30})\s+(?P<nick>[a-z' ]{2,12})$", re.IGNORECASE),
)
_PRONOUN: Final = re.compile(
    r"^(?:它|这个?|那个?|刚才(?:的|那个?|这个?)?|上面(?:的|那个?)?|it|this)?的?(?:户号|账号|账户|房号|号码?|房子|户|名字)?$"
)
_NUMBER_WORDS: Final = (
    r"(?:户号|账号|账户|房号|车牌|学号|号码|房子|卡号|信息|[电水气]费|燃气费|物业费|供暖费|取暖费|话费|学费)"
)
_REMOVAL: Final = re.compile(
    r"^(?:请|麻烦|帮我|把|将)*(?:删除|删掉|删了|移除|去掉|解绑|取消绑定|忘掉|不要再?(?:保存|记))(?:我?保存的)?"
    rf"(?P<nick>.{{1,16}}?)(?:这个|那个)?(?:的{_NUMBER_WORDS}?)?{_TAIL}|"
    rf"^(?:请|麻烦|帮我)*(?:把|将)(?P<nick2>.{{1,16}}?)(?:的{_NUMBER_WORDS}?)?(?:删除|删掉|删|移除|去掉|解绑){_TAIL}"
)
_LISTING: Final = re.compile(
    r"(?:保存|绑定|记住|记下|存|添加)了?(?:的|过)?(?:有)?(?:哪些|什么|几个|多少)(?!钱)|"
    r"^(?:查看?|看看|列出|显示)我的(?:户号|账号|账户|缴费号)$|"
    r"^(?:我的|查看?|看看|列出|显示)?(?:我的?)?(?:全部|所有|已?保存的?|已?绑定的?)的?(?:户号|账号|账户|房号|缴费号)"
    r"(?:列表|有哪些|有什么|是哪些|呢)?[?？]?$|"
    r"^(?:我的)(?:户号|账号|账户|缴费号)(?:列表|有哪些)?[?？]?$|(?:有哪些|哪些)(?:户号|账号|账户)|"
    r"^(?:list |show )?my (?:saved )?accounts$|saved accounts"
)
# 不用保存, 别记住: what is paid now is nobody's to remember.
UNSAVED: Final = re.compile(
    r"(?:不要|不用|不必|别|甭|无需|不)(?:再|帮我|给我)?(?:保存|记住|记下|存下|存户号|绑定)|\bdon'?t save\b"
)
_KIN: Final = (
    r"(?:老?妈妈?|老?爸爸?|父母|爸妈|父亲|母亲|爷爷|奶奶|外公|外婆|姥姥|姥爷|岳父|岳母|公公|婆婆|丈人|丈母娘|"
    r"哥哥?|姐姐?|弟弟?|妹妹?|舅舅?|姑姑?|姨妈?|叔叔?|伯伯?|朋友|同事|同学|邻居|亲戚|房东|租客|老人|老乡)"
)
# 帮我妈交, 我爸家的: another household's, which the customer's own account must not stand in for unasked.
_OTHERS: Final = re.compile(
    rf"(?:帮|替|给|代)(?:我|俺|咱)?(?:的)?{_KIN}|(?:我|俺|咱)?(?:{_KIN}|婆|娘|女儿|儿子)(?:家|那边|那里|他们家)|(?:别人|人家|他人)的?家?"
)
_SEVERAL: Final = re.compile(r"[和跟与、,，及]|都|全|所有|每|一起|还有|\band\b|\ball\b|\bboth\b")
_EVERY: Final = re.compile(
    r"(?:所有|全部)的?(?:户号?|账号|账户|房子|家)|每(?:个|一)?(?:户号?|家|套)|(?:两|二|三|四|五|几)(?:个?户号?|家|套房?)的?.{0,6}(?:都|一起|全)|"
    r"\ball (?:my )?accounts\b"
)
_TOGETHER: Final = re.compile(r"都|全|所有|一起|\ball\b")


@dataclass(frozen=True, slots=True)
class Naming:
    """Which account is to be called what; ``target`` is what was said for it, empty for the one at hand."""

    target: str
    nickname: str


def read_naming(text: str) -> Naming | None:
    """Return what 把3栋2单元501叫我家, 备注成我妈家 and 改名叫公司 want; None for anything else.

    ``text`` is normalised; a nickname keeps the characters in which it was written.
    """
    plain = text.translate(cues.SIMPLER).translate(_MORE)
    for pattern in _NAMING:
        found = pattern.match(plain)
        if found is None:
            continue
        nickname = fit(text[found.start("nick") : found.end("nick")])
        if nickname is not None:
            target = found["target"].strip()
            return Naming("" if _PRONOUN.match(target) else target, nickname)
    return None


def fit(words: str) -> str | None:
    """Return words as a nickname; None for what could not be told from an order, a number or a kind of payment."""
    nickname = words.strip(" “”\"'「」『』《》").removesuffix("的")
    if _FIT.fullmatch(nickname) is None or _NUMBER.search(nickname) is not None:
        return None
    return None if cues.simple(nickname) in _RESERVED else nickname


def read_removal(simple: str) -> str | None:
    """Return the nickname in 删除我妈家的, which may as well be any other word."""
    found = _REMOVAL.match(simple)
    return None if found is None else found["nick"] or found["nick2"]


def asks_for_list(simple: str) -> bool:
    """Tell whether somebody asks which accounts are saved."""
    return _LISTING.search(simple) is not None


def said_in(simple: str, saved: Sequence[SavedAccount]) -> list[SavedAccount]:
    """Return the accounts whose nickname stands in a sentence, in the order in which it names them.

    A longer nickname goes before one that is a part of it; accounts that share one come together.
    """
    by_name: dict[str, list[SavedAccount]] = {}
    for account in saved:
        if account.nickname:
            by_name.setdefault(cues.simple(account.nickname), []).append(account)
    places: list[tuple[int, str]] = []
    rest = simple
    for name in sorted(by_name, key=len, reverse=True):
        place = rest.find(name)
        if place >= 0:
            places.append((place, name))
            rest = rest.replace(name, "\0" * len(name))
    return [account for _, name in sorted(places) for account in by_name[name]]


def meant_of(simple: str, saved: Sequence[SavedAccount]) -> list[SavedAccount]:
    """Return the accounts that a sentence means: those it names, or every one where it says so."""
    named = said_in(simple, saved)
    return named or (list(saved) if _EVERY.search(simple) else [])


def narrowed(saved: Sequence[SavedAccount], heard: Mapping[str, str]) -> Sequence[SavedAccount]:
    """Return the saved accounts that what opened a frame leaves over: all of them where it means none."""
    chosen = [account for account in saved if account.id == heard.get("saved")]
    return chosen or said_in(heard.get("words", ""), saved) or saved


def for_others(heard: Mapping[str, str], saved: Sequence[SavedAccount]) -> bool:
    """Tell whether somebody else's bill is meant, and no nickname says whose account that is."""
    words = heard.get("words", "")
    if "saved" in heard or _OTHERS.search(words) is None:
        return False
    return not said_in(words, saved)


def names_several(simple: str) -> bool:
    """Tell whether a sentence can mean more than one account at once."""
    return _SEVERAL.search(simple) is not None


def wants_all(simple: str) -> bool:
    """Tell whether all of a group are wanted at once: 我家的都交了."""
    return _TOGETHER.search(simple) is not None


def nickname_of(target: str, saved: Iterable[SavedAccount]) -> list[SavedAccount]:
    """Return the accounts that exactly this nickname stands for."""
    wanted = re.sub(rf"的?{_NUMBER_WORDS}?$", "", cues.simple(target))
    names = {wanted, cues.simple(target)}
    return [account for account in saved if account.nickname and cues.simple(account.nickname) in names]
