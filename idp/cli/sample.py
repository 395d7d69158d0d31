"""Sample departments and citizens of the demonstration. Invented people; passwords are made at start."""

from typing import Any

DEPARTMENTS: dict[str, dict[str, Any]] = {
    "tax": {
        "name_zh": "市税务局",
        "name_en": "Municipal Tax Bureau",
        "credit_code": "11330000MB0000019E",
        "region": "330100",
        "level": "city",
        "department_id": "tax-bureau",
    },
    "social": {
        "name_zh": "市人力资源和社会保障局",
        "name_en": "Municipal Human Resources and Social Security Bureau",
        "credit_code": "11330000MB00000279",
        "region": "330100",
        "level": "city",
        "department_id": "social-security",
    },
    "housing": {
        "name_zh": "市住房公积金管理中心",
        "name_en": "Municipal Housing Fund Centre",
        "credit_code": "12330000MB00000351",
        "region": "330100",
        "level": "city",
        "department_id": "housing-fund",
    },
    "library": {
        "name_zh": "市图书馆",
        "name_en": "Municipal Library",
        "credit_code": "12330000MB0000043U",
        "region": "330100",
        "level": "city",
        "department_id": "library",
    },
}

_TAX = {
    "zh": "《中华人民共和国税收征收管理法》第三十条",
    "en": "Law on the Administration of Tax Collection, article 30",
}
_POLICE = dict.fromkeys(
    ("name", "family_name", "given_name", "gender", "birthdate", "national_id", "region_code", "address"), "police"
)
_SELF = dict.fromkeys(
    ("middle_name", "nickname", "preferred_username", "profile", "website", "zoneinfo", "locale"), "self"
)
SOURCES: dict[str, str] = {**_POLICE, **_SELF, "marital_status": "civil-affairs"}
"""Who stands for what of the sample citizens: registers, or they themselves, who may correct it."""
_RULES = {"zh": "《住房公积金管理条例》第二十四条", "en": "Regulations on the Housing Fund, article 24"}
ITEMS: tuple[dict[str, Any], ...] = (
    {
        "code": "tax-settlement",
        "department": "tax-bureau",
        "titles": {"zh": "个人所得税年度汇算", "en": "Yearly income tax settlement"},
        "purposes": {
            "zh": "核对纳税人并办理年度汇算",
            "en": "To know the taxpayer and settle the year's income tax",
        },
        "needs": [
            {"attribute": "name", "essential": True, "basis": "statutory", "citation": _TAX},
            {"attribute": "national_id", "essential": True, "basis": "statutory", "citation": _TAX},
        ],
        "retention_days": 1825,
    },
    {
        "code": "housing-withdrawal",
        "department": "housing-fund",
        "titles": {"zh": "公积金提取", "en": "Housing fund withdrawal"},
        "purposes": {
            "zh": "核对申请人并办理住房公积金提取",
            "en": "To know the applicant and pay out from the housing fund",
        },
        "needs": [
            {"attribute": "name", "essential": True, "basis": "statutory", "citation": _RULES},
            {"attribute": "address", "essential": True},
            {"attribute": "marital_status"},
            {"attribute": "phone_number"},
        ],
        "retention_days": 1825,
    },
    {
        "code": "pension-file",
        "department": "social-security",
        "titles": {"zh": "养老保险档案核对", "en": "Pension file check"},
        "purposes": {
            "zh": "确认本局档案中的公民身份号码是否为您本人的",
            "en": "To know whether the identity number in our file is yours",
        },
        "needs": [{"attribute": "national_id_matches", "essential": True}],
        "retention_days": 0,
    },
    {
        "code": "library-card",
        "department": "library",
        "titles": {"zh": "借书证办理", "en": "Library card"},
        "purposes": {"zh": "确认读者已成年", "en": "To know that the reader is of age"},
        "needs": [{"attribute": "age_over_18", "essential": True}],
        "retention_days": 0,
    },
)
"""Service items in force."""
DRAFTS: tuple[dict[str, Any], ...] = (
    {
        "code": "pension-enquiry",
        "department": "social-security",
        "titles": {"zh": "养老保险查询", "en": "Pension insurance enquiry"},
        "purposes": {"zh": "找到查询人的养老保险账户", "en": "To find your pension account"},
        "needs": [{"attribute": "name", "essential": True}, {"attribute": "phone_number"}],
        "retention_days": 30,
    },
)
"""What waits for the approver."""

ACCOUNTS: tuple[dict[str, Any], ...] = (
    {
        "identifiers": ["li.wei", "li.wei@example.cn", "+8613800000001"],
        "roles": [],
        "locale": None,
        "claims": {
            "name": "李伟",
            "family_name": "李",
            "given_name": "伟",
            "middle_name": "文",
            "nickname": "小伟",
            "preferred_username": "li.wei",
            "profile": "https://people.example.cn/li.wei",
            "picture": "https://people.example.cn/li.wei.png",
            "website": "https://li-wei.example.cn",
            "email": "li.wei@example.cn",
            "email_verified": True,
            "gender": "male",
            "birthdate": "1988-03-14",
            "national_id": "330102198803140017",
            "marital_status": "married",
            "region_code": "330102",
            "zoneinfo": "Asia/Shanghai",
            "locale": "zh-CN",
            "phone_number": "+8613800000001",
            "phone_number_verified": True,
            "address": {
                "formatted": "浙江省杭州市上城区解放路 1 号 310009",
                "street_address": "解放路 1 号",
                "locality": "杭州市",
                "region": "浙江省",
                "postal_code": "310009",
                "country": "CN",
            },
            "updated_at": 1767225600,
        },
    },
    {
        "identifiers": ["zhang.min", "zhang.min@example.cn"],
        "roles": [],
        "locale": None,
        "claims": {
            "name": "张敏",
            "family_name": "张",
            "given_name": "敏",
            "preferred_username": "zhang.min",
            "email": "zhang.min@example.cn",
            "email_verified": True,
            "birthdate": "1995-11-02",
            "national_id": "330102199511020026",
            "marital_status": "single",
            "locale": "zh-CN",
            "updated_at": 1767225600,
        },
    },
    {
        "identifiers": ["wang.audit", "wang.audit@example.cn"],
        "roles": ["auditor"],
        "locale": None,
        "claims": {
            "name": "王审",
            "family_name": "王",
            "given_name": "审",
            "preferred_username": "wang.audit",
            "email": "wang.audit@example.cn",
            "email_verified": True,
            "updated_at": 1767225600,
        },
    },
    {
        "identifiers": ["zhao.approve", "zhao.approve@example.cn"],
        "roles": ["approver"],
        "locale": None,
        "claims": {
            "name": "赵批",
            "family_name": "赵",
            "given_name": "批",
            "preferred_username": "zhao.approve",
            "email": "zhao.approve@example.cn",
            "email_verified": True,
            "updated_at": 1767225600,
        },
    },
)
