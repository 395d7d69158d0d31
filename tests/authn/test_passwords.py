import hashlib
from pathlib import Path

import pytest

from idp.authn.breached import BreachList
from idp.authn.chinese import units
from idp.authn.hashing import prepare
from idp.authn.passwords import alone, minimum, problem

GOOD = "harbour lantern seven quilts"


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("", "password_new_missing"),
        ("fourteen chars", "password_short"),
        ("x" * 129, "password_long"),
        ("\u4e00" * 129, "password_long"),
        (GOOD, None),
        ("长江后浪推前浪一代新人换旧人啊", None),
        ("Tr0ub4dor&3xyzzy.q", None),
        ("correct horse battery staple", None),
        ("aaaaaaaaaaaaaaaaaaaa", "password_weak"),
        ("qwertyuiopasdfgh", "password_weak"),
        ("password123456789", "password_weak"),
        ("password password", "password_weak"),
        ("iloveyou-iloveyou", "password_weak"),
        ("2026-11-30 2026-11-30", "password_weak"),
        ("dofo-hago-leca-mori-vaca", None),
        ("abcdefghijklmnopq", "password_weak"),
        ("woaini1314520woaini", "password_weak"),
        ("5201314woaini5201314", "password_weak"),
        ("13800138000138001", "password_weak"),
        ("110101199003077578liwei", "password_weak"),
        ("zhongguobeijing2024", "password_weak"),
        ("zhangwei19900307zhang", "password_weak"),
        ("我爱你我爱你我爱你我爱你我爱你我", "password_weak"),
        ("我爱你一生一世我爱你一生一世我爱你", "password_weak"),
        ("好好学习天天向上好好学习天天向上", "password_weak"),
        ("生日快乐 万事如意 身体健康 1314", "password_weak"),
        ("Li.Wei@Example.cn rules", "password_personal"),
        ("quilts for Li.Wei seven", "password_personal"),
        ("my name is liwei1990 ok", None),
        ("我的名字叫李伟很好记住的密码", "password_short"),
        ("我的名字叫李伟很好记住的密码呀", "password_personal"),
        ("my phone 13812345678 now", "password_personal"),
        ("yimen is the best of all", "password_personal"),
    ],
)
def test_policy(password: str, expected: str | None) -> None:
    context = ("li.wei@example.cn", "李伟", "+8613812345678", "yimen")
    assert problem(password, least=15, context=context) == expected


@pytest.mark.parametrize("length", [8, 64, 128])
def test_lengths_with_a_second_factor(length: int) -> None:
    password = "k7#Vq!zR" + "".join(chr(0x4E00 + 37 * n) for n in range(length - 8))
    assert problem(password, least=minimum(15, 8, second_factor=True), second_factor=True) is None
    assert alone(password, 15) == (length >= 15)
    assert (problem(password, least=minimum(15, 8, second_factor=False)) is None) == (length >= 15)
    assert problem("password", least=8, second_factor=True) == "password_weak"


def test_length_counts_after_normalisation() -> None:
    assert problem("e\u0301" * 8, least=15) == "password_short"


@pytest.mark.parametrize(
    ("password", "count"),
    [("woaini5201314", 2), ("woainiwoaini", 1), ("13800138000", 1), ("WoAiNi!x", 3), ("a b c", 3)],
)
def test_units(password: str, count: int) -> None:
    assert units(password) == count


def sha1(text: str) -> str:
    return hashlib.sha1(prepare(text)).hexdigest()


@pytest.fixture(params=[(40, str.upper, ":12"), (40, str.lower, ""), (12, str.upper, "")])
def listed(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    digits, case, tail = request.param
    words = [f"breached password {n}" for n in range(500)] + [GOOD]
    lines = sorted(case(sha1(word)[:digits]) + tail for word in words)
    path = tmp_path / "breached.txt"
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return str(path)


def test_breached(listed: str) -> None:
    found = BreachList(listed)
    assert all(prepare(f"breached password {n}") in found for n in range(500))
    assert not any(prepare(f"another password {n}") in found for n in range(500))
    assert problem(GOOD, least=15, breached=found) == "password_breached"


@pytest.mark.parametrize("content", ["password\n", "123\n", "ABCDEFABCDEG\n"])
def test_a_list_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list"
    path.write_text(content, encoding="ascii")
    with pytest.raises(ValueError, match="SHA-1"):
        BreachList(str(path))
