"""The words by which the keyword router tells acts apart; a plain table that anybody can extend."""

import re
from typing import Final

from bot.dialogue.acts import Act

# Characters that Traditional writers use in our field, and common typos of the same sound (domain.md §3.2).
SIMPLER: Final = str.maketrans(
    "繳費電話單賬帳嗎麼開關機燃氣暖視訊寬帶學雜醫療掛號門診預約繼續確認動閱讀圖過這個們還沒錢點樣為問題選擇轉員"
    "業務停車場區樓戶號碼車險銷貨項復復總計餘額罰款訟訴領證辦餐廳買單飯館記錄歷史發票據憑證聯係",
    "缴费电话单账账吗么开关机燃气暖视讯宽带学杂医疗挂号门诊预约继续确认动阅读图过这个们还没钱点样为问题选择转员"
    "业务停车场区楼户号码车险销货项复复总计余额罚款讼诉领证办餐厅买单饭馆记录历史发票据凭证联系",
)
TYPOS: Final = (
    ("教电费", "交电费"),
    ("教物业", "交物业"),
    ("冲话费", "充话费"),
    ("冲值", "充值"),
    ("纳费", "缴费"),
    ("咋么", "怎么"),
    ("交交", "交"),
    ("瓦斯", "燃气"),
)

# In this order: the first act whose cue is found is meant. Each cue is a regular expression on simplified text.
CUES: Final[tuple[tuple[Act, re.Pattern[str]], ...]] = (
    (Act.HUMAN, re.compile(r"人工|客服|转人|找人|真人|接线|投诉电话|搵真人|human|agent", re.I)),
    (Act.DUPLICATE, re.compile(r"重复(?:交|缴|付|扣)|(?:交|缴|付|扣)了(?:两|2|二)[次遍笔回]|多扣|扣了两")),
    (
        Act.WRONG_ACCOUNT,
        re.compile(r"(?:交|缴|充|付|转|存)错|错(?:交|缴|充|付)|(?:户号|号码|账号|账户)(?:填|输|写|弄)错了"),
    ),
    (
        Act.NOT_CREDITED,
        re.compile(
            r"没到账|未到账|不到账|还没到|没销账|(?:交|缴|付|充)了.{0,8}(?:还是|仍|怎么|没|未|不).{0,8}(?:欠|显示|到|来|恢复|更新)"
        ),
    ),
    (Act.REFUND, re.compile(r"退款|退钱|退费|退回|退给我|要退|refund", re.I)),
    (Act.AUTOPAY, re.compile(r"自动(?:扣|缴|交|付|充)|代扣|委托扣|免密")),
    (Act.RECEIPT, re.compile(r"发票|收据|票据|凭证|回单|电子票|开票|receipt|invoice", re.I)),
    (
        Act.HISTORY,
        re.compile(
            r"(?:缴费|交费|支付|付款|历史|以前的?|之前的?|过去的?)(?:记录|明细|历史|账单)|交过(?:哪些|什么)|history",
            re.I,
        ),
    ),
    (
        Act.HELP,
        re.compile(
            r"怎么|怎样|如何|咋|为什么|为啥|能不能|可不可以|可以.*吗|能.*吗|点样|是什么|什么意思|how|why|can i", re.I
        ),
    ),
    (Act.COLLECT, re.compile(r"收款码|台卡|收钱码|扫.{0,3}客|^收\s*\d")),
    (
        Act.BIND,
        re.compile(r"绑定|解绑|(?:添加|新增|保存|删除|更换|修改|换个?).{0,4}(?:户号|账号|账户|房号|车牌|学号|号码)"),
    ),
    (
        Act.QUERY,
        re.compile(r"查|看看|看一下|多少|欠|余额|还有几|几多|好多钱|要交吗|交了没|账单|bill|balance|check", re.I),
    ),
    (Act.PAY, re.compile(r"交|缴|付|充|买单|结账|埋单|打赏|捐|续费|存|还清|pay|top ?up|recharge", re.I)),
)
GREETING: Final = re.compile(
    r"^(?:你好|您好|hi|hello|嗨|在吗|在么|早上好|下午好|晚上好|谢谢|多谢|唔该|再见|拜拜|thanks?|thank you)"
    r"[呀啊!！。~吗?？\s]*$",
    re.I,
)
CANCEL: Final = re.compile(
    r"^(?:算了|取消|不交了|不缴了|不要了|唔要喇|唔使|退出|停|先不(?:交|缴|弄)了?|cancel|stop|quit)[吧了啦。!！\s]*$",
    re.I,
)
YES: Final = re.compile(
    r"^(?:1|是|是的|好|好的|好呀|嗯+|行|可以|对|对的|没错|确认|确定|确认支付|ok|okay|yes|y|交吧|付吧|係|冇错)[的了吧啊呀。!！\s]*$",
    re.I,
)
NO: Final = re.compile(r"^(?:2|不|不是|不对|否|不要|不用|别|别交|no|n|唔係|唔好)[的了吧啊呀。!！\s]*$", re.I)
CORRECTION: Final = re.compile(r"不对|不是|错了|打错|输错|改成|改为|换成|应该是|wrong|change", re.I)
BACK: Final = re.compile(r"^(?:返回|结束人工|结束|机器人|回来|退出人工)$")
# A message that only mentions a scene's word in passing is none of our business (hard negatives of domain.md §3.2).
ELSEWHERE: Final = re.compile(
    r"哪个牌子|牌子好|推荐.{0,6}(?:牌|款|店)|多少钱一[台个件]|小说|电影|歌|新闻|股票|天气|笑话|作文|翻译|做梦|违章建筑|三胎|能干什么"
)
SPLIT: Final = re.compile(r"[，,。；;\s]*(?:然后|再|顺便|还要|另外|接着|and then)[，,\s]*")
