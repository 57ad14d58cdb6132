"""The table of all scenes: what people call each, whether this operator has opened it or not; anybody can extend it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.dialogue.acts import SCENES


@dataclass(frozen=True, slots=True)
class Topic:
    """One scene by its words: ``words`` name what is paid and decide alone, ``hints`` only point that way."""

    key: str
    name: str
    words: tuple[str, ...]
    hints: tuple[str, ...] = ()


# Scene; its name for customers; words; hints. Simplified characters, lower case, _ for a space inside a word.
_TABLE: Final = (
    (
        "property",
        "物业费",
        "物业费 物业 物管费 物管 管理费 小区费 车位费 公摊费 物业管理 物业停车费 小区停车费 "
        "wuyefei wuye property property_fee management_fee",
        "小区 业主 公摊 房号",
    ),
    (
        "travel",
        "出行缴费",
        "停车费 停车 泊车 etc 高速费 过路费 通行费 公交卡 地铁卡 交通卡 加油卡 加油 油费 打车费 打车 车费 一卡通出行 "
        "tingchefei tingche parking toll taxi",
        "车场 出场 抬杆 高速 公交 地铁 出租车",
    ),
    (
        "district",
        "商圈消费",
        "商圈 商场 优惠券 代金券 会员卡 购物卡 门店付款 专柜 mall coupon",
        "逛街 满减 打折券 柜台",
    ),
    (
        "tourism",
        "旅游门票",
        "门票 景区 景点 旅游 订票 入园 索道票 船票 menpiao tourism scenic",
        "游玩 导览 年卡",
    ),
    (
        "dining",
        "餐饮买单",
        "买单 埋单 结账 餐费 饭钱 饭费 饭店 点餐 点菜 餐厅 饭馆 餐饮 面馆 吃饭 maidan restaurant dinner lunch",
        "吃好 服务员 菜单 桌号 老板",
    ),
    (
        "housing",
        "房产缴费",
        "房租 租金 租房 定金 订金 首付 购房款 房款 维修资金 维修基金 契税 押金 fangzu rent deposit",
        "房东 房源 买房 楼盘",
    ),
    (
        "campus",
        "校园缴费",
        "学费 学杂费 学校 住宿费 住校费 校园卡 一卡通 饭卡 伙食费 考试费 报名费 书本费 教材费 校服 校车 培训费 补课费 "
        "托费 保教费 党费 团费 xuefei tuition school",
        "幼儿园 大学 中学 小学 孩子 学号 班费",
    ),
    (
        "hospital",
        "医院缴费",
        "挂号 挂个号 门诊 住院费 住院 医院 医药费 医疗费 诊费 药费 看病 看医生 检查费 手术费 体检 就诊 "
        "guahao hospital clinic doctor",
        "病房 处方 化验 出院 预交金",
    ),
    (
        "insurance",
        "保险缴费",
        "保险费 保险 保费 车险 寿险 续保 保单 理赔 车船税 baoxian insurance premium",
        "投保 退保 犹豫期",
    ),
    (
        "government",
        "政务缴费",
        "不动产登记 不动产 登记费 证照费 工本费 办证 办件 护照费 护照 身份证工本 签证费 签证 行政收费 出入境 passport",
        "政务 窗口 大厅 证件照",
    ),
    (
        "treasury",
        "非税缴款",
        "非税 缴款码 缴款识别码 缴款通知书 缴款书 缴款单 财政票据 财政缴款 土地出让金 财政",
        "执收单位 国库 罚没",
    ),
    (
        "social_security",
        "社保医保",
        "社保 医保 养老保险 医疗保险 居民保险 城乡居民 合作医疗 新农合 灵活就业 健保 养老金 五险 失业金 "
        "工伤保险 生育保险 shebao yibao social_security",
        "参保 断缴 补缴",
    ),
    (
        "judicial",
        "诉讼费罚款",
        "诉讼费 法院 案款 执行款 诉讼 交通罚款 违章罚款 违章 罚单 罚款 交警 处罚决定书 决定书 扣分 "
        "court traffic_fine fakuan weizhang",
        "案号 起诉 律师 闯红灯",
    ),
    (
        "provident_fund",
        "公积金",
        "公积金 住房公积金 公积金贷款 gongjijin provident_fund housing_fund",
        "缴存 提取",
    ),
    (
        "interbank",
        "同业往来",
        "同业 同业存放 同业拆借 拆借 保证金 存放同业 同业拆放 interbank",
        "头寸 行号",
    ),
    (
        "emergency",
        "应急捐款",
        "捐款 捐赠 捐钱 救灾 赈灾 爱心 慈善 义捐 应急物资 应急 灾情 灾害 安责险 juankuan donate donation charity",
        "地震 洪水 台风 救援 公益",
    ),
    (
        "electricity",
        "电费",
        "电费 电力 用电 电表 停电 断电 供电 国网 国家电网 南网 南方电网 充电费 电卡 电钱 水电费 水电 "
        "dianfei electricity electric power_bill",
        "跳闸 没电 度电 千瓦时",
    ),
    (
        "water",
        "水费",
        "水费 自来水 水务 用水 水表 停水 断水 污水费 水钱 供水 shuifei water water_bill",
        "没水 水厂",
    ),
    (
        "gas",
        "燃气费",
        "燃气费 燃气 天然气费 天然气 煤气费 煤气 气费 气表 充气费 ranqi meiqi gas gas_bill",
        "没气 停气 液化气",
    ),
    (
        "heating",
        "供暖费",
        "供暖费 供暖 暖气费 暖气 取暖费 取暖 采暖费 采暖 供热费 供热 热力费 热力 地暖 停暖 heating nuanqi",
        "不热 暖和 暖气片",
    ),
    (
        "telecom",
        "话费",
        "话费 电话费 手机费 花费充值 宽带费 宽带 固话 座机 网费 流量 wifi费 套餐费 停机 欠话费 移动话费 联通 "
        "电信费 充话 huafei phone_bill mobile_bill broadband",
        "移动 电信 手机 上网 wifi phone",
    ),
    (
        "cable_tv",
        "有线电视费",
        "有线电视 有线费 电视费 数字电视 机顶盒 收视费 广电 iptv cable_tv",
        "电视 频道",
    ),
    (
        "account_opening",
        "企业开户",
        "开户 对公账户 对公户 基本户 一般户 开个户 开立账户 企业账户 kaihu open_account",
        "营业执照 法人",
    ),
    (
        "collection",
        "企业收付",
        "对公收付 对公收款 对公付款 货款 订单付款 批量代发 代发工资 企业付款 供应商付款 batch_payout",
        "收付 采购款",
    ),
    (
        "bills",
        "票据",
        "承兑汇票 商业汇票 银行汇票 汇票 银票 商票 贴现 票据托管 票据质押 票据池 托收 背书 票据业务 承兑",
        "电票 票号",
    ),
    (
        "financing",
        "融资",
        "融资 贷款 借款 授信 应收账款 供应链金融 保理 确权 loan financing",
        "额度 利率",
    ),
)


def _topics() -> Mapping[str, Topic]:
    found = {key: Topic(key, name, _split(words), _split(hints)) for key, name, words, hints in _TABLE}
    assert tuple(found) == SCENES, "the table names every scene once, in the order of the closed set"
    return found


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in words.split())


TOPICS: Final = _topics()


def topic_name(key: str) -> str:
    """Return what customers call a scene of the closed set; empty for a key that is none of it."""
    return TOPICS[key].name if key in TOPICS else ""
