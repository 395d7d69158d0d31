"""The apps' few words, in both languages."""

_TEXTS = {
    "zh-Hans": {
        "sign_in": "用一门登录",
        "not_signed_in": "您尚未登录。",
        "welcome": "您好，",
        "guest": "访客",
        "learned": "本局知道的关于您的信息",
        "identifier": "您在本局的标识符",
        "identifier_note": "每个部门得到的标识符都不同，部门之间无法对照。",
        "from_id_token": "身份令牌",
        "from_userinfo": "用户信息",
        "logout_here": "退出本局",
        "logout_everywhere": "退出所有部门",
        "others": "其他部门",
        "goodbye": "您已退出登录。",
        "back": "返回首页",
        "error": "登录没有完成",
        "error_text": "一门没有确认您的身份。您可以再试一次。",
        "again": "再试一次",
        "demo": "演示应用，数据为样例。",
        "claim": "项目",
        "value": "内容",
    },
    "en": {
        "sign_in": "Sign in with Yimen",
        "not_signed_in": "You are not signed in.",
        "welcome": "Welcome, ",
        "guest": "guest",
        "learned": "What this office knows about you",
        "identifier": "Your identifier at this office",
        "identifier_note": "Every department gets a different identifier; departments cannot compare them.",
        "from_id_token": "ID token",
        "from_userinfo": "Userinfo",
        "logout_here": "Sign out here",
        "logout_everywhere": "Sign out everywhere",
        "others": "Other departments",
        "goodbye": "You are signed out.",
        "back": "Back to the start",
        "error": "Sign-in was not completed",
        "error_text": "Yimen did not confirm who you are. You can try again.",
        "again": "Try again",
        "demo": "Demonstration app with sample data.",
        "claim": "Item",
        "value": "Content",
    },
}


def texts(lang: str) -> dict[str, str]:
    """All words in ``zh-Hans`` or ``en``."""
    return _TEXTS["en" if lang == "en" else "zh-Hans"]
