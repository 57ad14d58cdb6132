"""The words by which the keyword router tells acts apart; plain tables that anybody can extend."""

import re
from typing import Final

from bot.dialogue.acts import Act
from bot.kernel.text import normalise

# Characters that Traditional writers use in our field.
SIMPLER: Final = str.maketrans(
    "繳費電話單賬帳嗎麼開關機燃氣暖視訊寬帶學雜醫療掛號門診預約繼續確認動閱讀圖過這個們還沒錢點樣為問題選擇轉員"
    "業務停車場區樓戶碼險銷貨項復總計餘額罰款訟訴領證辦餐廳買飯館記錄歷史發票據憑聯係儲值書給對錯換綁設應該幫我"
    "稅聽說請謝誰時間寫輸換處獲後來將與體愛賑災捐養劃勞動產經濟貸遠遲貼現質託匯債權舖鋪園遊覽層棟樣兩萬歸罷內"
    "壞補參殘傷職遺銀顯恢復屬長親媽爺奶兒邊維護閉嗰嘅咗爭幾裡",
    "缴费电话单账账吗么开关机燃气暖视讯宽带学杂医疗挂号门诊预约继续确认动阅读图过这个们还没钱点样为问题选择转员"
    "业务停车场区楼户码险销货项复总计余额罚款讼诉领证办餐厅买饭馆记录历史发票据凭联系储值书给对错换绑设应该帮我"
    "税听说请谢谁时间写输换处获后来将与体爱赈灾捐养划劳动产经济贷远迟贴现质托汇债权铺铺园游览层栋样两万归罢内"
    "坏补参残伤职遗银显恢复属长亲妈爷奶儿边维护闭那的了差几里",
)
# Typos of the same sound, dialect and abbreviations, each with what is meant (domain.md §3.2).
TYPOS: Final = (
    (re.compile(r"教(?=电费|水费|气费|物业|学费|话费|房租|取暖|供暖)"), "交"),
    (re.compile(r"[冲沖](?=话|值|[\d一二三五十百两]|电费|手机)"), "充"),
    (re.compile(r"纳费"), "缴费"),
    (re.compile(r"咋么"), "怎么"),
    (re.compile(r"交交"), "交"),
    (re.compile(r"瓦斯"), "燃气"),
    (re.compile(r"帐"), "账"),
    (re.compile(r"俾钱"), "付钱"),
    (re.compile(r"搵"), "找"),
    (re.compile(r"睇"), "看"),
    (re.compile(r"仲差几多|差几多|几多钱|几钿|几多"), "多少钱"),
    (re.compile(r"好多钱(?=嘛|呀|啊|哦|$)"), "多少钱"),
    (re.compile(r"欠好好多|欠好多"), "欠多少"),
    (re.compile(r"^df$"), "电费"),
    # 交水, 查电: the fee is meant; not 交水池, 查电话.
    (re.compile(r"(?<=[交缴买购查欠])([电水气])(?![话视信费器池表卡网源务厂影电])"), r"\1费"),
)

# Whether any of them can be in a text at all: one look instead of twelve at nearly every message.
_TYPO: Final = re.compile("|".join(f"(?:{typo.pattern})" for typo, _ in TYPOS))

# In this order: the first act whose cue is found is meant. Each cue is a regular expression on simplified text.
CUES: Final[tuple[tuple[Act, re.Pattern[str]], ...]] = (
    (
        Act.HUMAN,
        re.compile(
            r"人工|客服|转人|(?:找|要|叫|有).{0,4}(?:真人|人来|活人|人帮)|真人|接线员|^我?要?投诉|"
            r"human|agent|real person"
        ),
    ),
    (
        Act.DUPLICATE,
        re.compile(
            r"重复(?:交|缴|付|扣|充|支付|扣款)|(?:交|缴|付|扣|充)(?:款|费|钱)?了?(?:两|2|二|双)[次遍笔回份]|多扣|扣多了|"
            r"两次(?:扣|付|交)|charged twice|paid twice|double charge"
        ),
    ),
    (
        Act.WRONG_ACCOUNT,
        re.compile(
            r"(?:交|缴|充|付|转|存|冲)错|错(?:交|缴|充|付|转)|(?:交|缴|充|付|转)(?:到|给|进).{0,6}(?:别人|他人|人家|其他人)|"
            r"(?:户号|号码|账号|账户|房号|卡号|车牌|学号)(?:填|输|写|弄|打|搞)错了|wrong (?:account|number|meter)"
        ),
    ),
    (
        Act.NOT_CREDITED,
        re.compile(
            r"(?:没|未|不)(?:有)?到账|还没到(?!期)|没销账|没入账|没收到.{0,4}(?:话费|钱|款)|迟迟不到|"
            r"(?:交|缴|付|充|扣)(?:完|过|款|费|钱)?(?:了|过).{0,10}(?:还是|还|仍|怎么|没|未|不).{0,8}"
            r"(?:欠|显示|到|来|恢复|更新|反应|动静|有水|有电|有气|销)|扣了钱没|not (?:credited|received|updated)"
        ),
    ),
    (Act.REFUND, re.compile(r"退款|退钱|退费|退回|退给我|要退|能退|退押金|refund|money back")),
    (Act.AUTOPAY, re.compile(r"自动(?:扣|缴|交|付|充|续)|代扣|委托扣|免密|autopay|auto pay|direct debit")),
    (Act.RECEIPT, re.compile(r"发票|收据|票据(?!池|托管|质押|贴现|业务)|凭证|回单|电子票|开票|receipt|invoice")),
    (
        Act.HISTORY,
        re.compile(
            r"(?:缴费|交费|支付|付款|充值|消费|历史|以前|之前|过去)的?(?:记录|明细|历史|流水)|历史账单|"
            r"(?:交|缴|付|充)过(?:哪些|什么|多少|几)|(?:交|缴|付|充)了(?:哪些|几次)|流水|history|past payments"
        ),
    ),
    (
        Act.HELP,
        re.compile(
            r"怎么|怎样|咋|如何|为什么|为啥|为何|能不能|可不可以|可以.*(?:吗|不|么)|能.*(?:吗|不$|么$)|点样|是什么|什么意思|"
            r"在哪(?:里|儿)?(?:查|看|找|交|缴|付|充|办)|哪里(?:能|可以|有)|流程|不会(?:交|缴|弄|操作)|"
            r"(?<![a-z])(?:how|why)(?![a-z])|can i|where (?:is|can|do)"
        ),
    ),
    (Act.COLLECT, re.compile(r"收款码|收钱码|台卡|收银码|扫.{0,3}(?:客|顾客)|^收(?:款|钱)?\s*\d|向.{0,4}收款")),
    (
        Act.BIND,
        re.compile(
            r"绑定|解绑|取消绑定|(?:添加|新增|增加|保存|删除|删掉|更换|修改|变更|换个?|改一?下?)(?:一个|一下|我的|新的?|缴费)?"
            r"(?:户号|账号|账户|房号|车牌|学号|号码|房子|手机号)|bind"
        ),
    ),
    (
        Act.QUERY,
        re.compile(
            r"查|看看|看一下|看下|多少|欠|余额|还有几|要交吗|交了没|到期|账单|剩多少|"
            r"how much|balance|check|owe|(?<!pay )my .{0,20}bill"
        ),
    ),
    (
        Act.PAY,
        re.compile(
            r"交|缴|付|充|买|埋单|结账|打赏|捐|续费|存|还清|储值|冲值|整(?:个|点)?话费|挂(?:个)?号|预存|"
            r"(?<![a-z])pay(?![a-z])|top ?up|recharge|donate|buy"
        ),
    ),
    (
        Act.APPLY,
        re.compile(r"申请|开户|开个户|办理|预约|报案|提取|贴现|质押|托收|托管|融资|贷款|确权|报名|登记|apply"),
    ),
)
# What is to be done about deductions when they are spoken of: 取消自动缴费, 不要自动扣了.
STOP: Final = re.compile(r"取消|关|停|解|终止|撤|不要|不想|别|退订|cancel|stop|turn off|end ")
# An industry scene is asked for by its own verb rather than paid: 承兑汇票贴现 applies.
APPLIED: Final = frozenset({"account_opening", "bills", "financing"})

_END: Final = r"[的了吧啊呀呢哦哈啦嘛。.!！~,，\s]*$"
THANKS: Final = re.compile(
    rf"^(?:谢谢|谢谢你|谢谢您|多谢|感谢|唔该|辛苦了|再见|拜拜|thanks?|thank you|thx|bye|goodbye){_END}"
)
GREETING: Final = re.compile(
    r"^(?:你好|您好|你好呀|hi|hello|hey|嗨|哈喽|在吗|在么|在不在|有人吗|早上好|早|中午好|下午好|晚上好|"
    rf"good (?:morning|evening|afternoon))[?？]?{_END}"
)
CANCEL_ORDER: Final = re.compile(
    r"^(?:取消|撤销|撤掉|关闭|不要)(?:掉)?(?:这个|这笔|那个|那笔|该|我的|刚才的?)?(?:订单|单子)(?:了|吧)?$|"
    r"^cancel (?:the |my |this )?order"
)
CANCEL: Final = re.compile(
    r"^(?:算了|算啦|取消|我?不(?:想)?(?:交|缴|付|充|办|买|弄|搞)了|不要了|不要喇|唔要喇|唔要|唔使|"
    r"退出|停|停止|结束|放弃|先不(?:交|缴|弄|付)|"
    rf"下次再(?:说|交)|别(?:交|弄|付)了|关闭|cancel|stop|quit|never ?mind|forget it)(?:这笔|订单|缴费|付款|办理)?{_END}"
)
YES: Final = re.compile(
    r"^(?:1|是|是的|好|好的|好呀|嗯+|恩+|行|可以|对|对的|没错|没问题|确认|确定|同意|确认(?:付款|支付|缴费)|"
    r"付款|支付|缴费|去付款|"
    rf"ok|okay|yes|yep|sure|y|confirm|pay|交吧|付吧|缴吧|就这样|就这么办|系|冇错|得)(?:可以|好的)?{_END}"
)
NO: Final = re.compile(
    rf"^(?:2|不|不用|不要|否|别|别交|不交|不付|不缴|不行|先不|no|nope|n|唔好|不需要|不可以|不同意){_END}"
)
# Something that was just said or shown is wrong; what is right may follow.
CORRECTION: Final = re.compile(
    r"不对|不是|错了|错啦|有误|打错|输错|写错|填错|说错|搞错|弄错|改成|改为|改一下|改下|更正|换成|换到|换做|应该是|应为|唔系|"
    r"\bwrong\b|\bchange\b|\bnot\b.+\bbut\b|i meant?"
)
WRONG: Final = re.compile(
    r"^(?:不对|不是|不是的|不是这个|不是这样|错了|错啦|搞错了|弄错了|打错了?|输错了?|写错了?|填错了?|说错了?|唔系|"
    rf"wrong|that'?s wrong){_END}"
)
# Where, in a correction, the right value begins: after the last of these words.
INSTEAD: Final = re.compile(
    r"(?:应该?是|而?是|改成|改为|换成|换到|换做|应为|要|交|缴|付|充|只|\bto\b|\bbut\b)\s*[:：]?\s*"
)
BACK: Final = re.compile(r"^(?:返回|结束人工|结束|机器人|回来|退出人工|自助|back|return)[。.!！\s]*$")
ANEW: Final = re.compile(
    rf"^(?:重新(?:来|选|选择|开始|查|填|输入?)|重来|再选一次|上一步|返回|back|start over|restart){_END}"
)
# A bare verb: the customer wants to go on, and means no name by it.
BARE: Final = re.compile(
    r"^(?:我)?(?:要|想|来|去|帮我|请|就)?(?:再|先)?(?:查|查询|查看|看|看看|交|缴|付|缴纳|支付)"
    rf"(?:一下|下|看看|看|费|款|钱|账单|欠费|余额)?{_END}"
)
REPEAT: Final = re.compile(
    rf"^(?:再说一遍|重复一遍|刚才说什么|什么|啥|没看懂|看不懂|没听清|听不懂|repeat|again|what){_END}"
)
UNSURE: Final = re.compile(
    r"^(?:我)?(?:不知道|不清楚|不懂|忘了|忘记了|不记得|记不得|没有|没带|找不到|什么(?:户号|房号|号|号码|意思)|哪个号|"
    rf"等(?:一下|下|等|会儿?|一会儿?)|稍等|马上|i don'?t know|forgot)[\u4e00-\u9fff]{{0,6}}{_END}"
)
# 换个户号, 改一下金额: what is to be asked anew.
RENEW: Final = re.compile(
    r"(?:换|改|更换|修改|变更|重新?(?:选|输|填)|其他|别的|另外?一?)(?:一?个|一?下|一家|一笔|成?其他的?|成?别的|掉|我的)*的?"
)
UNBIND: Final = re.compile(
    r"解绑|取消绑定|unbind|"
    r"(?:删除|删掉|移除|去掉|忘掉)(?:我的)?(?:保存的?|记住的?)?(?:户号|账号|账户|房号|车牌|学号|号码|房子)"
)
# A message that only mentions a scene's word in passing is none of our business (hard negatives of domain.md §3.2).
ELSEWHERE: Final = re.compile(
    r"哪个牌子|哪款|牌子好|推荐.{0,6}(?:牌|款|店|吗)|多少钱一[台个件辆套]|小说|电影|电视剧|歌词|新闻|股票|基金净值|天气|笑话|作文|"
    r"翻译|做梦|星座|违章建筑|三胎|能干什么|能干啥|有什么用|说明书|维修电话|招聘|面试|学区房|段子|游戏|菜谱|怎么做饭|量子|历史上"
)
# Somebody else did it, or it is told as a story: nothing is to be paid.
TOLD: Final = re.compile(
    r"(?:他|她|他们|她们|别人|男主|女主|主角)(?:的)?.{0,4}(?:交|缴|付|充)(?:的|过|了|着)|(?:交|缴|付)的.{0,6}(?:故事|片段|情节)"
)
# Where one request ends and the next begins, if both name a scene.
SPLIT: Final = re.compile(
    r"[，,。；;、\s]*(?:然后|之后|接着|顺便|另外|还要|还有|以及|再|和|跟|与|同埋|[、，,；;。]|"
    r"\b(?:and )?then\b|\band\b)[，,\s]*"
)


def simple(text: str) -> str:
    """Return a text as the tables expect it: normalised, lower case, Simplified, common typos mended."""
    folded = normalise(text).casefold().translate(SIMPLER)
    if _TYPO.search(folded) is None:
        return folded
    for typo, meant in TYPOS:
        folded = typo.sub(meant, folded)
    return folded
