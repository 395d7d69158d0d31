"""Words and shapes that Chinese passwords are made of: phrases, pinyin, numbers that sound like words, phone and identity numbers, birthdays."""

import re
from typing import Final

WORDS: Final = (
    "woaini", "woaini1314", "woaiwojia", "woaiwo", "aini", "woaizhongguo", "woxihuanni", "tamade", "nihao", "nihaoma", "nimabi", "caonima",
    "zhongguo", "zhonghua", "beijing", "shanghai", "guangzhou", "shenzhen", "chengdu", "hangzhou", "nanjing", "chongqing", "wuhan", "tianjin",
    "xianggang", "taiwan", "mima", "denglu", "zhanghao", "yonghu", "guanliyuan", "ceshi", "wangluo", "diannao", "shouji", "baobao", "baobei",
    "laopo", "laogong", "laoma", "mama", "baba", "gege", "jiejie", "didi", "meimei", "xiaobao", "xiaoming", "qinaide", "kuaile", "shengri",
    "shengrikuaile", "xingfu", "pingan", "jiankang", "facai", "gongxifacai", "dajidali", "yiluping", "tiantian", "tiantianxiangshang",
    "haohaoxuexi", "zhangwei", "wangwei", "wangfang", "liwei", "lina", "zhangmin", "liming", "wangli", "zhangli", "liujie", "zhangjie", "wangjing",
    "zhang", "wang", "liu", "chen", "yang", "zhao", "huang", "zhou", "zhu", "lin", "guo", "luo", "song", "tang", "zheng", "xie", "feng", "cao",
    "520", "521", "1314", "5201314", "1314520", "5211314", "7758521", "7758258", "5845201314", "584520", "201314", "520520", "521521", "147258369",
    "147852", "159357", "110110", "112233", "123123", "321321", "666666", "888888", "168168", "518518", "8888", "6666", "9999", "5188", "1688",
    "我爱你", "我爱中国", "我爱我家", "一生一世", "一心一意", "生日快乐", "新年快乐", "节日快乐", "恭喜发财",
    "万事如意", "心想事成", "身体健康", "一路平安", "一路顺风", "好好学习", "天天向上", "大吉大利", "中华人民共和国",
    "为人民服务", "你好世界", "请输入密码", "我的密码", "不知道密码", "忘记密码", "一二三四五六七八九十",
    "qwe123", "abc123", "a123456", "a123456789", "zxcvbnm", "asd123", "wo", "ni", "ta", "ai", "hao", "yimen",
)  # fmt: skip
"""The commonest first."""

_SHAPES: Final = (
    re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0\d|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dx]"),  # GB 11643 identity number
    re.compile(r"(?:86)?1[3-9]\d{9}"),  # mobile number
    re.compile(r"(?:19|20)\d{2}(?:0\d|1[0-2])(?:[0-2]\d|3[01])"),  # date of birth
    re.compile(r"(?:520|521|1314|7758|584|168|518|666|888)+\d*"),  # numbers that sound like words
)


_WORD = re.compile("|".join(sorted((word for word in WORDS if len(word) > 2), key=len, reverse=True)))


def units(password: str) -> int:
    """How many things a guesser puts together: each different word or shape counts one however often it comes, each other character one."""
    rest, pieces = password.casefold(), set[str]()
    for pattern in (*_SHAPES, _WORD):
        pieces.update(pattern.findall(rest))
        rest = pattern.sub(" ", rest)
    return len(pieces) + len(rest.replace(" ", ""))
