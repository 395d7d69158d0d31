"""What citizens are told by e-mail or text message: short, in their language, through the durable outbox. No notice holds a link."""

from collections.abc import Mapping
from typing import Final

import msgspec

from idp.authn.identifiers import Identifier as Name
from idp.flows.outbox import Notice
from idp.flows.people import Person, names
from idp.parts import Parts
from idp.ports import Insert, Write
from idp.records import Message
from idp.release.vault import Citizen

ENGLISH: Final = "en"
VOID: Final = "void"
"""State of a message that is made for the work's sake alone and never sent."""
_HELP: Final = {
    "zh-Hans": "如果不是您本人操作，请立即更改密码，并在“我的登录设备”中退出所有设备。",
    "en": "If this was not you, change your password at once and sign out all devices on your account page.",
}
_HERE: Final = {
    "email": {"zh-Hans": "此邮箱", "en": "this address"},
    "phone": {"zh-Hans": "此号码", "en": "this number"},
}
"""What a message calls where it arrives."""
_STRANGER: Final = {
    "zh-Hans": "如果不是您本人操作，请立即登录，在“登录与安全”中移除它并修改密码。",
    "en": "If this was not you, sign in at once, remove it under “Sign-in and security” and change your password.",
}
"""For whose account somebody else may get codes now."""
_LOST: Final = {
    "zh-Hans": "如果不是您本人操作，请立即重设密码；如果无法重设，请尽快联系为您服务的部门。",
    "en": "If this was not you, set a new password at once; if you can't, contact the office that serves you soon.",
}
"""For who may not be able to sign in any more."""
_OFFICE: Final = {
    "zh-Hans": "如果忘记了密码，请选择“忘记密码”；如果不是您办理的，请尽快联系该部门。",
    "en": "If you forgot your password, choose “Forgotten password”. If you did not ask for this, contact the office soon.",
}
TEXTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "sign_up_code": {
        "zh-Hans": ("注册验证码 {code}", "您的验证码是 {code}，{minutes} 分钟内有效。请勿告诉任何人，我们的工作人员也不会向您索要。"),
        "en": ("Your sign-up code {code}", "Your code is {code}. It works for {minutes} minutes. Tell it to nobody; our staff never ask for it."),
    },
    "exists": {
        "zh-Hans": ("您已有账号", "有人用{here}申请注册，但它已属于一个账号。如果是您本人，请直接登录或选择“忘记密码”；如果不是您，无需处理。"),
        "en": (
            "You have an account already",
            "Somebody asked to create an account with {here}, which has one. If it was you, sign in; if not, there is nothing to do.",
        ),
    },
    "reset_code": {
        "zh-Hans": ("重设密码验证码 {code}", "您的验证码是 {code}，{minutes} 分钟内有效。请勿告诉任何人。如果您没有申请重设密码，无需处理。"),
        "en": (
            "Your code for a new password {code}",
            "Your code is {code}. It works for {minutes} minutes. Tell it to nobody. If you did not ask for a new password, there is nothing to do.",
        ),
    },
    "contact_code": {
        "zh-Hans": (
            "确认{here}的验证码 {code}",
            "有人要用{here}登录自己的账号。如果是您本人，请在原页面输入验证码 {code}，{minutes} 分钟内有效。请勿告诉任何人；如果不是您，无需处理。",
        ),
        "en": (
            "Your code to confirm {here} {code}",
            "Somebody wants to sign in with {here}. If it was you, your code is {code}, for {minutes} minutes. If not, tell it to nobody.",
        ),
    },
    "contact_exists": {
        "zh-Hans": ("{here}已属于您的账号", "有人要把{here}用于另一个账号，但它已属于您的账号，因此未作任何更改。无需处理。"),
        "en": (
            "Your account has {here} already",
            "Somebody wanted to use {here} for another account. It belongs to yours, so nothing was changed. There is nothing to do.",
        ),
    },
    "contact_added": {
        "zh-Hans": ("已添加登录用的邮箱或手机号码", "您的账号刚刚添加了一个用于登录的电子邮箱或手机号码。" + _STRANGER["zh-Hans"]),
        "en": (
            "An e-mail address or phone number was added",
            "An e-mail address or phone number to sign in with was just added to your account. " + _STRANGER["en"],
        ),
    },
    "contact_confirmed": {
        "zh-Hans": ("已确认登录用的邮箱或手机号码", "您账号的一个电子邮箱或手机号码刚刚通过验证码确认。" + _STRANGER["zh-Hans"]),
        "en": (
            "An e-mail address or phone number was confirmed",
            "An e-mail address or phone number of your account was just confirmed with a code. " + _STRANGER["en"],
        ),
    },
    "contact_replaced": {
        "zh-Hans": ("登录用的邮箱或手机号码已更换", "您账号的一个电子邮箱或手机号码刚刚被更换，其他设备已全部退出。" + _LOST["zh-Hans"]),
        "en": (
            "An e-mail address or phone number was replaced",
            "An e-mail address or phone number of your account was just replaced by another, and all other devices were signed out. " + _LOST["en"],
        ),
    },
    "contact_removed": {
        "zh-Hans": ("登录用的邮箱或手机号码已移除", "您账号的一个电子邮箱或手机号码刚刚被移除，其他设备已全部退出。" + _LOST["zh-Hans"]),
        "en": (
            "An e-mail address or phone number was removed",
            "An e-mail address or phone number was just removed from your account, and all other devices were signed out. " + _LOST["en"],
        ),
    },
    "contact_office": {
        "zh-Hans": ("此地址已成为您的登录地址", "为您服务的部门核实您的身份后，将此地址设为您账号的登录地址，所有设备已退出。" + _OFFICE["zh-Hans"]),
        "en": (
            "This address is now yours to sign in with",
            "The office that serves you made sure who you are and set this address for your account. All devices were signed out. " + _OFFICE["en"],
        ),
    },
    "password_changed": {
        "zh-Hans": ("密码已修改", "您账号的密码刚刚被修改，其他设备已全部退出。" + _HELP["zh-Hans"]),
        "en": ("Your password was changed", "The password of your account was just changed and all other devices were signed out. " + _HELP["en"]),
    },
    "totp_enrolled": {
        "zh-Hans": ("已启用身份验证器", "您的账号刚刚启用了身份验证器应用。" + _HELP["zh-Hans"]),
        "en": ("Authenticator app set up", "An authenticator app was just set up for your account. " + _HELP["en"]),
    },
    "totp_removed": {
        "zh-Hans": ("已移除身份验证器", "您账号的身份验证器应用和恢复码刚刚被移除。" + _HELP["zh-Hans"]),
        "en": ("Authenticator app removed", "The authenticator app and the recovery codes of your account were just removed. " + _HELP["en"]),
    },
    "totp_always": {
        "zh-Hans": ("每次登录都需第二重验证", "您的账号刚刚设为每次登录都要输入身份验证器的验证码。" + _HELP["zh-Hans"]),
        "en": ("Second step at every sign-in", "Your account now asks for the code of your authenticator app at every sign-in. " + _HELP["en"]),
    },
    "totp_eased": {
        "zh-Hans": ("已关闭“每次登录都要求第二重验证”", "您的账号刚刚关闭了每次登录都要求输入身份验证器验证码的设置。" + _HELP["zh-Hans"]),
        "en": (
            "“Second step at every sign-in” turned off",
            "Your choice to be asked for the code of your authenticator app at every sign-in was just turned off. " + _HELP["en"],
        ),
    },
    "codes_made": {
        "zh-Hans": ("已生成新的恢复码", "您的账号刚刚生成了新的恢复码，旧的恢复码已失效。" + _HELP["zh-Hans"]),
        "en": ("New recovery codes", "New recovery codes were just made for your account; the old ones no longer work. " + _HELP["en"]),
    },
    "code_used": {
        "zh-Hans": ("已使用恢复码", "您的账号刚刚用一个恢复码登录，还剩 {left} 个。" + _HELP["zh-Hans"]),
        "en": ("A recovery code was used", "A recovery code was just used for your account; {left} are left. " + _HELP["en"]),
    },
    "access_ended": {
        "zh-Hans": ("已停止一项服务的访问", "您使用的一项服务出示了用过的凭证，可能有人复制过它，我们已停止其访问。请重新登录该服务。"),
        "en": (
            "Access of a service was ended",
            "A service that you use showed a used credential; somebody may have copied it. We ended its access. Sign in to the service again.",
        ),
    },
    "guessing": {
        "zh-Hans": ("有人多次输错验证码", "有人已知道您的密码，并多次输错您的身份验证器代码。请尽快修改密码。"),
        "en": ("Wrong codes for your account", "Somebody who knows your password has entered many wrong codes. Change your password soon."),
    },
    "erasure_asked": {
        "zh-Hans": ("您的账号将被删除", "您要求删除账号，{days}天后您的信息将被永久删除。如果改变主意，请在此之前登录一次。" + _HELP["zh-Hans"]),
        "en": (
            "Your account will be deleted",
            "You asked us to delete your account. In {days} days all is forgotten. To keep it, sign in once before then. " + _HELP["en"],
        ),
    },
    "erasure_cancelled": {
        "zh-Hans": ("您的账号不会被删除", "因为您刚刚登录，账号删除已取消。" + _HELP["zh-Hans"]),
        "en": ("Your account stays", "The deletion of your account is cancelled because you just signed in. " + _HELP["en"]),
    },
    "attribute_corrected": {
        "zh-Hans": ("个人信息已更改", "您账号中的个人信息刚刚被更改，可在“我的信息”中查看。" + _HELP["zh-Hans"]),
        "en": ("Your information was changed", "Information in your account was just changed; see it under “My data”. " + _HELP["en"]),
    },
    "client_withdrawn": {
        "zh-Hans": (
            "一位公民撤回了授权",
            "在贵服务（{client}）中编号为 {subject} 的公民撤回了授权，其登录和令牌已失效。请停止使用其信息，并删除法律不要求保存的内容。",
        ),
        "en": (
            "A citizen withdrew an authorization",
            "Whom your service ({client}) knows as {subject} withdrew the authorization. Stop using the data; delete what no law orders you to keep.",
        ),
    },
    "objection_closed": {
        "zh-Hans": ("您提出的异议已有答复", "您对一次个人信息访问提出的异议已处理完毕。请登录后在“谁看过我的信息”中查看答复。"),
        "en": (
            "Your objection was answered",
            "The case that you opened about an access to your data is closed. Sign in and read the answer under “Who saw my data”.",
        ),
    },
}  # fmt: skip
"""Kind → language → (subject, body); ``{here}``: where it arrives."""


EVERYWHERE: Final = frozenset(
    {
        "contact_added",
        "contact_confirmed",
        "contact_replaced",
        "contact_removed",
        "password_changed",
        "totp_removed",
        "erasure_asked",
    }
)


def to_person(parts: Parts, person: Person, kind: str, now: int, **values: str) -> list[Write]:
    """A notice to every confirmed e-mail address of a person, or to the phones of one who has none; of what decides whose the account is
    (``EVERYWHERE``) to both: who adds an address of their own does not silence the others."""
    verified = names(parts, person.citizen, verified=True)
    mailboxes, phones = ([name for name in verified if name.kind == kind] for kind in ("email", "phone"))
    targets = [*mailboxes, *phones] if kind in EVERYWHERE else mailboxes or phones
    return [
        message(parts, name, kind, person.account.locale, now, owner=person.citizen, nobody=None, **values)
        for name in targets
    ]


def message(
    parts: Parts,
    to: Name,
    kind: str,
    language: str | None,
    now: int,
    *,
    owner: Citizen | None = None,
    nobody: Citizen | None = None,
    state: str = "pending",
    **values: str,
) -> Insert:
    """The outbox row of one message to one canonical address, sealed for ``owner``; None: for somebody without an account, whose
    opened key (``vault.passing``) may be given as ``nobody``."""
    spoken = ENGLISH if (language or parts.config.default_locale).startswith(ENGLISH) else "zh-Hans"
    subject, body = TEXTS[kind][spoken]
    channel = "sms" if to.kind == "phone" else "email"
    values["here"] = _HERE["phone" if channel == "sms" else "email"][spoken]
    notice = Notice(channel, to.canonical, subject.format(**values), body.format(**values))
    row_id, sealer = parts.entropy(16), owner or nobody or parts.vault.passing(now)
    return Insert(
        Message(
            id=row_id,
            kind=kind,
            account_id=owner.account_id if owner else None,
            sealed=sealer.seal("message", "notice", row_id, 0, msgspec.json.encode(notice)),
            state=state,
            attempts=0,
            next_at=now,
            created_at=now,
            last_error=None,
        )
    )
