"""The operator's verbs for clients and accounts, on the command line."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.kit.codes import credit_code
from tests.kit.operator import CLIENT


def test_a_client_is_paused_let_on_and_removed(idp, department):
    client_id = idp.ask("clients", "add", idp.file("c.json", CLIENT), "--department", department)["client_id"]
    paused = idp.ask("clients", "disable", client_id, "--reason", "compromised")
    assert paused == {"client_id": client_id, "status": "disabled", "changed": True}
    assert idp.ask("clients", "disable", client_id)["changed"] is False
    assert idp.ask("clients", "list")[0]["status"] == idp.ask("clients", "show", client_id)["status"] == "disabled"
    assert idp.ask("clients", "enable", client_id)["changed"] is True
    assert idp.ask("clients", "show", client_id)["status"] == "active"
    assert idp.ask("clients", "delete", client_id, "--reason", "retired")["status"] == "deleted"
    assert idp.ask("clients", "list") == []
    for verb in ("disable", "enable", "delete"):
        result = idp.run("clients", verb, client_id)
        assert (result.exit_code, "there is no client" in result.stderr.lower()) == (1, True)
    assert idp.run("clients", "disable", client_id, "--reason", "because").exit_code == 2


def test_an_account_is_suspended_and_let_on(idp):
    document = {"identifiers": ["li.wei"], "password": "a long enough sentence"}
    idp.ask("accounts", "add", idp.file("a.json", document))
    suspended = idp.ask("accounts", "disable", "LI.WEI", "--reason", "deceased")
    assert suspended == {"identifier": "LI.WEI", "status": "disabled", "changed": True}
    assert idp.ask("accounts", "enable", "li.wei", "--reason", "mistake")["changed"] is True
    told = [e for e in idp.ask("audit", "list", "--limit", "1000") if e["kind"] == "account.changed"]
    assert [(e["value"], e["reason"]) for e in told] == [("disabled", "deceased"), ("active", "mistake")]
    result = idp.run("accounts", "disable", "no.body")
    assert (result.exit_code, "no such account" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "empty"),
        ("hunter2", "shorter than 15 characters"),
        ("aaaaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("x" * 129, "longer than 128"),
        ("the house of zhang.min stands", "name"),
    ],
)
def test_accounts_are_entered_under_the_password_policy_of_sign_up(idp, password, said):
    good = {"identifiers": ["li.wei"], "password": "harbour lantern seven quilts"}
    bad = {"identifiers": ["zhang.min"], "password": password, "claims": {"name": "Zhang Min"}}
    result = idp.run("accounts", "add", idp.file("a.json", [good, bad]))
    assert (result.exit_code, said in result.stderr, "account 2" in result.stderr) == (1, True, True), result.stderr
    assert not password or password not in result.stderr
    assert idp.ask("accounts", "add", idp.file("b.json", [good, {"identifiers": ["zhang.min"]}])), (
        "none was made before"
    )


def test_a_shorter_password_stands_beside_a_second_factor(idp):
    document = {"identifiers": ["li.wei"], "password": "vex-Quilt9", "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    assert idp.ask("accounts", "add", idp.file("a.json", document))


def test_a_lost_address(idp):
    """Asked before, for a reason alone; a taken address is refused in words, and no answer repeats an address that was not typed as a name"""
    people = [{"identifiers": ["li.wei", "li.wei@example.cn"]}, {"identifiers": ["zhao.min@example.cn"]}]
    idp.ask("accounts", "add", idp.file("a.json", people))
    new, sure = ("accounts", "set-contact", "li.wei", "new@example.cn", "--instead", "li.wei@example.cn"), "--yes"
    assert idp.run(*new, sure).exit_code == 2, "a reason is needed"
    assert idp.run(*new, "--reason", "lost").exit_code == 1, "nobody said yes"
    assert idp.ask("audit", "list", "--kind", "account.contact_changed") == []
    taken = idp.run("accounts", "set-contact", "li.wei", "zhao.min@example.cn", "--reason", "lost", sure)
    assert taken.exit_code == 1 and "another account" in taken.stderr and "zhao" not in taken.stderr
    done = idp.ask(*new, "--reason", "lost", sure)
    assert done == {"identifier": "li.wei", "changed": "replaced", "reason": "lost"}
    assert idp.run("accounts", "disable", "li.wei@example.cn").exit_code == 1
    assert idp.ask("accounts", "disable", "new@example.cn")["changed"] is True


def test_roles_and_a_lost_factor(idp):
    document = {"identifiers": ["li.wei"], "password": "vex-Quilt9", "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    idp.ask("accounts", "add", idp.file("a.json", document))
    assert idp.ask("accounts", "roles", "li.wei", "auditor", "operator")["roles"] == ["auditor", "operator"]
    assert idp.ask("accounts", "roles", "li.wei")["roles"] == []
    assert idp.run("accounts", "roles", "li.wei", "king").exit_code == 2
    assert idp.ask("accounts", "reset-factor", "li.wei", "--reason", "lost")["removed"] is True
    assert idp.ask("accounts", "reset-factor", "li.wei", "--reason", "lost")["removed"] is False
    assert idp.run("accounts", "reset-factor", "li.wei").exit_code == 2, "a reason is needed"
    kinds = [(e["kind"], e.get("value") or e.get("reason")) for e in idp.ask("audit", "list", "--limit", "1000")]
    assert kinds[-3:] == [
        ("account.changed", "auditor operator"),
        ("account.changed", ""),
        ("account.factor_removed", "lost"),
    ]


def test_a_staff_link_is_an_address_of_the_issuer_and_kept_as_a_hash(idp):
    made = idp.ask("accounts", "staff-link", "auditor")
    assert made["link"].startswith("https://id.example/staff/") and made["valid_minutes"] == 30
    for stored in idp.folder.glob("main.db*"):
        assert made["link"].rpartition("/")[2].encode() not in stored.read_bytes()
    assert idp.run("accounts", "staff-link").exit_code == 2, "without a role it is no staff link"


def test_a_right_to_register_carries_what_the_operator_allowed(idp, department):
    from idp.app import close_parts, create_app, open_parts
    from idp.config import load

    parts = open_parts(load(idp.env))
    try:
        app = create_app(parts.config, parts)
        for flags, member in (
            (("--no-pkce",), "require_pkce"),
            (("--older-audience",), "assertion_audiences"),
            ((), ""),
        ):
            token = idp.ask("clients", "token", "--department", department, *flags)["initial_access_token"]
            key = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                   "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # fmt: skip
            body = CLIENT | {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}}
            made = _post(app, token, body)
            assert made["require_pkce"] is (member != "require_pkce")
            assert made.get("assertion_audiences", []) == (
                ["https://id.example/token"] if member == "assertion_audiences" else []
            )
    finally:
        close_parts(parts)


def _post(app: Any, token: str, body: Any) -> Any:
    from werkzeug.test import Client

    headers = {"Authorization": f"Bearer {token}"}
    answer = Client(app).post("/register", json=body, headers=headers, base_url="https://id.example")
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def test_clients_errors_shows_received_beside_registered(idp, department):
    from werkzeug.test import Client

    from idp.app import close_parts, create_app, open_parts
    from idp.config import load

    added = idp.ask("clients", "add", idp.file("c.json", CLIENT), "--department", department)
    parts = open_parts(load(idp.env))
    try:
        asked = {"client_id": added["client_id"], "redirect_uri": "https://app.example/cb/", "response_type": "code"}
        page = Client(create_app(parts.config, parts)).get(
            "/authorize", query_string=asked, base_url="https://id.example"
        )
    finally:
        close_parts(parts)
    (line,) = idp.ask("clients", "errors", added["client_id"])
    assert (line["received"], line["registered"]) == ("https://app.example/cb/", "https://app.example/cb")
    assert line["error"] == "invalid_request" and line["reference"] in page.text
    assert (
        added["client_id"] in idp.run("clients", "list").output
        and "redirect_uri_mismatch" in idp.run("clients", "errors", added["client_id"]).output
    )


def test_the_file_may_name_the_department_and_leave_out_pkce(idp, department):
    file = idp.file("c.json", {**CLIENT, "department": department, "require_pkce": False})
    added = idp.ask("clients", "add", file)
    assert idp.ask("clients", "show", added["client_id"])["department_id"] == department
    assert added["require_pkce"] is False
    (event,) = idp.ask("audit", "list", "--kind", "client.registered")
    assert event["require_pkce"] is False, "recorded"
    public = {**CLIENT, "department": department, "require_pkce": False, "token_endpoint_auth_method": "none"}
    assert idp.run("clients", "add", idp.file("p.json", public)).exit_code == 1


@pytest.mark.parametrize("named", [None, "another", 7, ["a"]])
def test_a_client_has_one_department_that_is_named(idp, department, named):
    file = idp.file("c.json", {**CLIENT, "department": named})
    options = () if named is None else ("--department", department)
    refused = idp.run("clients", "add", file, *options)
    assert refused.exit_code == 2 and "--department" in refused.stderr
    assert idp.ask("clients", "list") == []


def test_errors_of_a_client_that_is_not_there(idp, department):
    """A mistyped id is no client without errors"""
    refused = idp.run("clients", "errors", "nobody")
    assert refused.exit_code == 1 and "nobody" in refused.stderr


def test_clients_errors_cuts_long_values_in_its_table_alone(idp, department):
    from werkzeug.test import Client

    from idp.app import close_parts, create_app, open_parts
    from idp.config import load

    added = idp.ask("clients", "add", idp.file("c.json", CLIENT), "--department", department)
    sent = f"https://app.example/{'9' * 400}"
    parts = open_parts(load(idp.env))
    try:
        asked = {"client_id": added["client_id"], "redirect_uri": sent, "response_type": "code"}
        Client(create_app(parts.config, parts)).get("/authorize", query_string=asked, base_url="https://id.example")
    finally:
        close_parts(parts)
    (line,) = idp.ask("clients", "errors", added["client_id"])
    table = idp.run("clients", "errors", added["client_id"]).output
    assert len(line["received"]) > 60 and line["received"] not in table
    assert f"  {line['received'][:59]}…  " in table


def test_the_log_is_followed(idp, department):
    """``idp audit list --follow``: what is there, then what comes, each once."""
    command = [sys.executable, "-m", "idp.cli", "audit", "list", "--follow", "--json", "--kind", "department.added"]
    following = subprocess.Popen(command, env={**os.environ, **idp.env}, stdout=subprocess.PIPE, text=True)
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["department"] == department
        idp.ask("keys", "rotate")
        codes = credit_code("11330000", "MB000007"), credit_code("11330000", "MB000008")
        for code in codes:
            idp.ask("departments", "add", "局", "--name-en", "B", "--credit-code", code,
                    "--region", "330100", "--level", "city")  # fmt: skip
        coming = [json.loads(following.stdout.readline()) for _ in range(2)]
        assert [event["department"] for event in coming] == [code.lower() for code in codes]
    finally:
        following.kill()
        following.communicate()
