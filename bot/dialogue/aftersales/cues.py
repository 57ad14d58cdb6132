"""The words of after-sales that the router's acts do not tell apart; searched on simplified, lower-case text."""

import re
from datetime import date, timedelta
from typing import Final

# The number of a ticket, as a customer copies it: T, a day, six digits.
NUMBER: Final = re.compile(r"(?<![a-z0-9])t\s?(\d{12})(?!\d)")
TICKETS: Final = re.compile(
    r"我的(?:工单|投诉|申诉)|^工单$|工单.{0,4}(?:进度|进展|状态|列表|到哪|怎么样|处理|结果)|(?:查|看)(?:一下|下|看)?工单|"
    r"(?:投诉|申诉)(?:的)?(?:进度|进展|结果|怎么样|到哪)|处理(?:到哪|得怎么样|的怎么样|进度|进展|好了吗|好了没|好没|完了吗|结果)|"
    r"my (?:tickets?|complaints?)|(?:ticket|complaint) (?:status|progress)"
)
REFUND_WHERE: Final = re.compile(
    r"退款.{0,6}(?:到哪|进度|进展|状态|多久|几天|什么时候|何时|到账|没到|没收到|怎么还|查一?下)|查.{0,4}退款|"
    r"(?:什么时候|多久|几时|何时).{0,6}(?:退款|退钱|退回|退给我|退到)|退的?钱.{0,6}(?:到哪|什么时候|没到|多久|没收到)|"
    r"where.{0,12}refund|when.{0,16}refund|refund.{0,10}(?:status|progress|arrive)"
)
WITHDRAW: Final = re.compile(
    r"(?:撤销|撤回|撤掉|撤|取消|关闭)(?:一下|掉)?(?:我的|这个|那个|上次的?|刚才的?)?(?:投诉|工单|申诉)|(?:投诉|工单|申诉)(?:撤销|撤回|撤了|取消)|"
    r"不(?:用)?(?:投诉|申诉)了|(?:withdraw|cancel|close).{0,10}(?:ticket|complaint)"
)
REOPEN: Final = re.compile(
    r"(?:重新|再次)(?:打开|开启|处理|受理).{0,6}(?:工单|投诉|申诉)?|(?:问题|工单|投诉|申诉).{0,6}(?:还没|没有|没|未)(?:有)?解决|"
    r"reopen|not (?:been )?(?:solved|resolved)"
)
# 补充 and what follows it.
REMARK: Final = re.compile(
    r"^(?:工单)?\s*(?:t\s?\d{12})?[\s,，:：]*"
    r"(?:补充|备注|留言|add(?: a)? (?:note|remark))(?:一下|说明|信息)?(?:[\s:：,，。]+|$)?"
)
WRONG_AMOUNT: Final = re.compile(
    r"金额.{0,4}(?:不对|错|不符|有误)|(?:交|缴|付|充)多了|多(?:收|付|交|缴|充)了|少(?:交|付|充|缴)了|(?:金额|数字?)(?:填|输|写|打)错|"
    r"wrong amount|overcharged|paid too much"
)
_STOPPED: Final = re.compile(
    r"停(?:电|水|气|机|暖)|断(?:电|水|气|网)|没(?:有)?(?:电|水|气|暖|信号)|被停|cut off|no power"
)
_LATE_FEE: Final = re.compile(r"滞纳金|违约金|late fee")
_STILL_DUE: Final = re.compile(
    r"还(?:是|在)?(?:显示)?(?:欠|没交|没缴|未缴|未交|待缴|催)|显示.{0,4}(?:欠|没交|没缴|未缴|未交|待缴)|"
    r"仍(?:然|旧)?(?:显示)?欠|still (?:due|owe|unpaid)"
)
# Whether any of these can be in a message at all: one look instead of eight at nearly every message.
ANY: Final = re.compile(
    r"工单|投诉|申诉|处理|退|补充|备注|留言|解决|重新|再次|金额|多了|错|多收|多付|多交|多缴|多充|少|t\s?\d{12}|"
    r"ticket|complaint|refund|reopen|solved|amount|overcharged|too much|note|remark"
)

_JUST_NOW: Final = re.compile(r"今天|今早|今晚|今日|刚才|刚刚|刚(?=[交缴付充])|today|just now")
_AGO: Final = ((re.compile(r"大前天"), 3), (re.compile(r"前天"), 2), (re.compile(r"昨天|昨晚|昨日|yesterday"), 1))
_MONTH_DAY: Final = re.compile(r"(?<!\d)(\d{1,2})月(\d{1,2})[日号]")
_DAY: Final = re.compile(r"(?<![\d月])(\d{1,2})[日号](?!楼|线|院|机)")

# The wish behind an act or a cue, with the dispute that it is unless its words tell more.
DISPUTES: Final = {
    "not_credited": "D11",
    "wrong_account": "D21",
    "duplicate": "D22",
    "wrong_amount": "D23",
    "refund": "D00",
    "refund_state": "D00",
}


def dispute(wish: str, simple: str) -> str:
    """Return the disposition code (domain.md §2.2) of a wish in a customer's words."""
    if wish == "not_credited":
        for cue, code in ((_STOPPED, "D12"), (_LATE_FEE, "D13"), (_STILL_DUE, "D32")):
            if cue.search(simple):
                return code
    if wish in ("refund", "duplicate") and WRONG_AMOUNT.search(simple):
        return "D23"
    return DISPUTES.get(wish, "D00")


def day_meant(simple: str, today: date) -> date | None:
    """Return the day that a message names, as days of the past year are named; None for none or none that exists."""
    if _JUST_NOW.search(simple):
        return today
    for cue, days in _AGO:
        if cue.search(simple):
            return today - timedelta(days=days)
    found = _MONTH_DAY.search(simple)
    if found:
        return _past(today, int(found[2]), int(found[1]))
    found = _DAY.search(simple)
    return _past(today, int(found[1]), None) if found else None


def _past(today: date, day: int, month: int | None) -> date | None:
    """Return the last such day that is not in the future."""
    for back in range(13):
        months = today.year * 12 + today.month - 1 - back
        year, index = divmod(months, 12)
        if month not in (None, index + 1):
            continue
        try:
            meant = date(year, index + 1, day)
        except ValueError:
            continue
        if meant <= today:
            return meant
    return None
