"""Finds the name of a person in a message, where somebody says that it is one."""

import re
from typing import Final

_LED: Final = re.compile(
    r"(?:我叫|我的名字(?:是|叫)?|姓名|户主|业主(?=是|为|:)|户名|名字(?:是|叫|:)|本人|(?:学生|孩子|儿子|女儿|患者|病人|就诊人|投保人|缴费人|住户)(?:叫|名叫|是|:))"
    r"(?P<link>\s*(?:是|为|叫|:)?\s*)(?P<run>[\u4e00-\u9fff·]{2,16})"
)
# The hundred commonest family names and those of two characters; without one, only a name that is said to be one is.
_FAMILY: Final = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍申尤毕聂柴焦"
    "向柳邢岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵"
    "解强丛华冉"
)
_DOUBLE: Final = frozenset({"欧阳", "上官", "司马", "诸葛", "司徒", "东方", "夏侯", "皇甫", "尉迟", "令狐", "慕容"})
# Where the sentence goes on behind a name.
_ON: Final = re.compile(
    r"交|缴|查一|查下|查询|查电|查水|要|想|来交|来缴|的|住|户号|电话|手机|号码|身份证|我|你|您|他|她|是|在|请|帮|给|把|吧|呀|啊|"
    r"[了吗呢么]|充|买|挂号|开户|家|学号|房号|欠|这|那|现在|就|已|没|不|叫|[一二三四五六七八九十]+[栋幢号座楼单]"
)
_NEVER: Final = frozenset(
    {"什么", "啥", "多少", "哪个", "姓名", "名字", "本人", "自己", "业主", "户主", "老婆", "老公"}
)
_NO_FAMILY: Final = frozenset("个谁哪这那某有没什啥老我你他她您的是在不一")
# Behind a number and a gap, with nothing after it.
_BEHIND: Final = re.compile(r"[0-9a-zA-Z室号](?:\s+|[,，、;；。]\s*)(?P<run>[\u4e00-\u9fff·]{2,15})[。.!！]?$")
_SHORTEST: Final = 2
_LONGEST: Final = 4
_LONGEST_DOTTED: Final = 15


def find_name(text: str) -> str | None:
    """Return the name in 我叫陈晓明 or 姓名:买买提·艾力; None where none is said or where it ends is unclear."""
    for led in _LED.finditer(text):
        run = led["run"]
        dotted = "·" in run
        end = None if dotted else _ON.search(run, 1)
        name = run[: end.start()] if end else run
        if _plausible(name, said=bool(led["link"].strip()), dotted=dotted):
            return name
    return None


def bare_name(text: str) -> str | None:
    """Return the name that stands alone behind an account: 3栋2单元501 陈晓明; None for anything that may be a word."""
    found = _BEHIND.search(text)
    return (
        found["run"] if found is not None and _plausible(found["run"], said=False, dotted="·" in found["run"]) else None
    )


def _plausible(name: str, *, said: bool, dotted: bool) -> bool:
    if name in _NEVER or not _SHORTEST <= len(name) <= (_LONGEST_DOTTED if dotted else _LONGEST):
        return False
    if name[:2] in _DOUBLE:
        return len(name) > _SHORTEST
    return dotted or (len(name) < _LONGEST and name[0] in _FAMILY) or (said and name[0] not in _NO_FAMILY)
