"""Tells in which script a customer writes, so that the answer comes in the same one."""

import re
from enum import StrEnum
from typing import Final


class Script(StrEnum):
    """A script that replies are kept in; the value is the folder under ``templates/messages``."""

    ZH_HANS = "zh_hans"
    ZH_HANT = "zh_hant"
    EN = "en"

    @property
    def tag(self) -> str:
        """Return the language tag (BCP 47) of a page in this script."""
        return _TAGS[self]


_TAGS: Final = {Script.ZH_HANS: "zh-Hans", Script.ZH_HANT: "zh-Hant", Script.EN: "en"}

# Characters that only one of the two scripts uses. They are the common ones and no others: a rare character that
# happens to lack a simplified form (many given names do) must not turn the whole conversation. A character both
# scripts write (后, 里, 台) says nothing and is in neither.
SIMPLIFIED: Final = frozenset(
    "电费缴业发东车门问间时会对说话请谢这个们来还没为无点钱账帐单号码户转报办医疗险学园图书买卖开关线银务员热灯传资讯总结给红绿纸细约级经继续统维综罚违规觉视订认计让"
    "记设证评词试该详语误课调谁变贝负财责货质贩贪购贵贴贷贸赔赚赛赠赢轮软轻载较辆输达迁过运进远连迟选递邮邻郑酱释针钟钢铁铜铺链销锁错键镇长闭闲闹闻阅阳阴阶际陆陈随隐"
    "难雾静项顺须预领频题颜额风飞饭饮饼馆马驾验骑鱼鸟鸡麦黄齐龙龄国团围场块坚处备够头夹夺奖妇妈娱孙宝实审宽宾导寿将尔尘层属岁岛币师带帮庆应庙废广张弹强归当录彻径忆忧"
    "态恋恶悬惯戏战执扩扫扬抚护担拟拥择挥损换摄数断旧旷显晓暂术杀杂权条杨标栏树样档桥检楼欢欧残毁毕汉汇汤沟泽济测浓涛润涨渐湾湿满滚灵灾炉烦烧爱爷牵状独狱猎环现画盐监"
    "盖盘矿砖础礼祸积称税稳穷窃竞笔简类粮紧纯纳纷练组终织绍绑绝绩缓编缘缩罗职联聪肃肤脑脚脱舰艺节苏药莲获萧营蓝虑虽补装见观讨训许论访诉诊译诚询读谈边华乐亲两从产亿仅"
    "储债兑写军农决况冻净减凤凭击刚创则别动劳势区协厅历压厕县参双叶吗响唤喷圆坟垫墙壮声壳妆岂峡库弃弯徕恳恼惩惧慑挤捞捡掷搀携撑昼暧枪栋梦歼毙氢泪泼滞滤滥潜灭炼烛狭狮"
    "猫玛疯皱盗睁矫硕禅稣签篮籁纠纽绕绳缆缝罢耸胆胁脏腻苍荣蚁蚀衔袭觅誉谊谋谎谓贺贼赁赋赏赖践踪轨辈辞辩遗鉴钉钥钻铃铅锅锋锦闪闯阀阁韩页顶顾颁颗饥饰饱饿驶驳骗骤鸣鸭鹅"
    "鹏丽举义乡争亏伤伟伦众侦俭俩偿兰养兴兹内册剂剧劝励劲勋卫却厉厨吓吕呗哑嘱冲尽摆弥坛恒启汹叹岗悦"
)
TRADITIONAL: Final = frozenset(
    "電費繳業發東車門問間時會對說話請謝這個們來還沒為無麼點錢賬帳單號碼戶轉報辦醫療險學園圖書買賣開關機網線銀務員氣熱燈傳資訊價優總結給紅綠紙細約級經繼續統維綜罰違規"
    "覺視訂認計讓記設證評詞試該詳語誤課調誰變貝負財責貨質販貪購貴貼貸貿賠賺賽贈贏趕輪軟輕載較輛輸達遷過運進遠連遲適選遞郵鄰鄭醬釋針鐘鋼鐵銅鋪鏈銷鎖錯鍵鎮長閉閒鬧聞閱"
    "陽陰階際陸陳隨隱難霧靜項順須預領頻題顏額風飛飯飲餅館馬駕驗騎魚鳥雞麥黃齊龍齡國團圍場塊堅壞處備復夠頭夾奪獎婦媽娛孫寧寶實審寬賓導壽將爾塵層屬歲島幣師帶幫慶應廟廢"
    "廣張彈強歸當錄徹徑憶憂懷態戀惡懸驚慣願戲戰撲執擴掃揚撫護擔擬擁擇掛揮損換據攝數斷舊曠顯曉暫術殺雜權條楊極構標欄樹樣檔橋檢樓歡歐殘毀畢漢匯湯溝澤潔濟測濃濤潤漲漸灣"
    "濕滿滾靈災爐煩燒愛爺牽狀獨獄獵環現畫鹽監蓋盤礦磚礎確禮禍離種積稱稅穩窮竊競筆簡類糧緊純納紛練組終織紹綁絕績緩編緣縮羅職聯聰肅膚勝腦腳脫艦藝節蘇薦藥蓮獲蕭營藍慮雖"
    "補裝見觀討訓許論訪訴診譯誠詢讀談邊華聽樂親兒兩萬從產億僅儲債兌寫軍農決況凍淨減幾鳳憑擊劃剛創則別製動勞勢區協廠廳歷壓廁縣參雙葉嗎響喚囉噴圓聖墳墊牆壯聲殼妝豈嶺峽"
    "庫棄彎徠懇惱懲懼懾擠撈撿擲攙攜撐晝曖櫃槍棟夢殲斃氫汙淚潑滯濾濫潛滅煉燭狹獅貓瑪瘋癢皺盜睜矯碩禪穌築簽籃籟糾紐繞繩纜縫罷聳膽脅臟膩蒼榮蟲蟻蝕銜襲覓譽誼謀謊謂賀賊賃"
    "賦賞賴踐蹤軌輩辭辯遺鑑釘鑰鑽鈴鉛鍋鋒錦閃闖閥閣韓頁頂顧頒顆飢飾飽餓駛駁騙驟鳴鴨鵝鵬麗舉義鄉爭虧雲傷偉倫眾偵儉倆償蘭養興茲內冊劑劇勸勵勁勳衛卻厲廚嚇呂唄諮啞餵囑並"
    "裡纔註準誌麵臺隻鬆迴係餘採穀曆鍾盡穫饑弔錶捲佈佔週緻託瀋嚥剋遊鬱癥豐兇鼕闆矇闢僕樸捨鬍鬚鬥燻嚮籤籲髒擺彌瀰糰壇恆啟洶嘆崗悅"
)

# Typing pinyin or an abbreviation (jiao dianfei, ETC, wifi) is no wish for English; one of these words is.
_ENGLISH_WORDS: Final = """
about account again amount and are balance bill bills cancel charge charged check code could did does electric
electricity english failed fee fees fine for from get give have help hospital how insurance invoice is money month
more much my need not of order out owe paid parking pay payment payments people phone please property receipt refund
rent school send service should show support tax that the this tuition twice want was water what when where which who
why with wrong your
"""
# Syllables of pinyin, brands, and the greetings that people use in any language: they count for English only beside
# a word of the list above.
_EITHER_WORDS: Final = """
a alipay am an bye can do gas he hello hey hi i it me men no ok on pos she thank thanks to top us we wechat wifi yes
you
"""
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
_EITHER: Final = frozenset(_EITHER_WORDS.split())
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
# A message of the platform's greatest length decides within this many characters, at a constant cost.
_CHARS_READ_MAX: Final = 400


def detect_script(text: str) -> Script | None:
    """Return the script of the text, or None where it gives no evidence (digits, a name, ``hello``, 好).

    None means "as before": the caller keeps the script of the conversation.
    """
    head = text[:_CHARS_READ_MAX]
    if _HAN.search(head):
        return _chinese(head)
    words = _WORD.findall(head.lower())
    sure = sum(word in _ENGLISH for word in words)
    possible = sum(word in _EITHER for word in words)
    return Script.EN if sure and (sure + possible) * 2 >= len(words) else None


def script_of_tag(tag: str) -> Script | None:
    """Return the script of a language tag as WeChat and browsers send it (``zh_CN``, ``zh-TW``, ``en-GB``)."""
    parts = tag.lower().replace("_", "-").split("-")
    if parts[0] == "en":
        return Script.EN
    if parts[0] != "zh":
        return None
    if "hans" in parts:
        return Script.ZH_HANS
    return Script.ZH_HANT if {"tw", "hk", "mo", "hant"} & set(parts) else Script.ZH_HANS


def _chinese(text: str) -> Script | None:
    simplified = sum(character in SIMPLIFIED for character in text)
    traditional = sum(character in TRADITIONAL for character in text)
    if simplified == traditional:
        return None
    return Script.ZH_HANS if simplified > traditional else Script.ZH_HANT
