"""The choice of language, and a Chinese catalogue without gaps."""

import re
from collections.abc import Iterator

import pytest

from idp.web.locale import refresh
from idp.web.theme import choose_language

CHINESE, ENGLISH = "zh-Hans", "en"


@pytest.mark.parametrize(
    ("ui_locales", "account", "cookie", "accept", "chosen"),
    [
        (None, None, None, None, CHINESE),
        ("en", CHINESE, CHINESE, "zh", ENGLISH),
        ("fr de en-GB zh", None, None, None, ENGLISH),
        ("fr", ENGLISH, CHINESE, "zh", ENGLISH),
        ("fr", None, ENGLISH, "zh", ENGLISH),
        (None, "fr", None, "en", ENGLISH),
        ("zh-CN", None, None, "en", CHINESE),
        ("zh_Hans_CN", None, None, "en", CHINESE),
        ("zh-Hant-TW", None, None, "en", CHINESE),
        ("cmn", None, None, "en", CHINESE),
        ("EN-us", None, None, "zh", ENGLISH),
        ("english", None, None, "zh", CHINESE),
        ("../../etc/passwd", None, None, "en", ENGLISH),
        ("\x00 \r\n en", None, None, None, ENGLISH),
        ("x " * 40 + "en", None, None, None, CHINESE),
        (None, None, None, "zh;q=0.8, en;q=0.9", ENGLISH),
        (None, None, None, "fr, en;q=0.3, zh;q=0.3", ENGLISH),
        (None, None, None, "en;q=0, zh;q=0.1", CHINESE),
        (None, None, None, "*", CHINESE),
        (None, None, None, "en;q=nan, zh", CHINESE),
        (None, None, None, "en;q=9, zh;q=0.5", CHINESE),
        (None, None, None, "en;q=1.0001", CHINESE),
        (None, None, None, ",,;;=,en", ENGLISH),
    ],
)
def test_the_first_wish_that_can_be_met(
    ui_locales: str | None, account: str | None, cookie: str | None, accept: str | None, chosen: str
) -> None:
    """OpenID Connect Core §3.1.2.1 ui_locales; RFC 9110 §12.5.4 Accept-Language."""
    assert choose_language(ui_locales, account, cookie, accept) == chosen


def pairs() -> Iterator[tuple[str, str]]:
    """Each sentence with its translation; plural forms singly."""
    for message in refresh.written():
        if isinstance(message.id, tuple):
            yield from ((message.id[-1], text) for text in message.string or ())
        elif message.id:
            yield str(message.id), str(message.string)


def test_every_sentence_is_translated_and_none_is_left_over() -> None:
    said = {message.id for message in refresh.said() if message.id}
    written = {message.id for message in refresh.written() if message.id and not message.fuzzy}
    assert said - written == set()
    assert written - said == set()
    assert [sentence for sentence, text in pairs() if not text.strip()] == []


def test_the_compiled_catalogue_is_fresh() -> None:
    """``python -m idp.web.locale.refresh`` makes it."""
    assert refresh.MO.read_bytes() == refresh.compiled(refresh.written())


def test_placeholders_and_markup_survive_translation() -> None:
    pattern = re.compile(r"%\(\w+\)[sd]|</?\w+>|%%")
    for sentence, text in pairs():
        assert sorted(pattern.findall(sentence)) == sorted(pattern.findall(text)), sentence


WRONG_WORDS = ["登陆", "登入", "帐号", "帐户", "账户", "註", "邮件地址", "点击这里", '"', "令牌"]


@pytest.mark.parametrize("word", WRONG_WORDS)
def test_glossary_wrong_words_never_appear(word: str) -> None:
    """登录 never 登陆, 账号 for account; typographic quotes, so that a text may stand in an attribute."""
    assert [text for _, text in pairs() if word in text] == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (r"\bsign(ed|ing)? ?[- ]in\b", "登录"),
        (r"\baccounts?\b", "账号"),
        (r"\bauthoriz", "授权"),
        (r"\bpasswords?\b", "密码"),
    ],
)
def test_glossary_right_words_do(english: str, chinese: str) -> None:
    missing = [
        (sentence, text)
        for sentence, text in pairs()
        if re.search(english, sentence, re.IGNORECASE) and chinese not in text
    ]
    assert missing == []


def test_no_half_width_punctuation_between_chinese() -> None:
    assert [text for _, text in pairs() if re.search(r"[一-鿿][,:;!?()]|[,:;!?()][一-鿿]", text)] == []
