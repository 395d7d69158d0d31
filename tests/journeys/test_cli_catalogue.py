"""``idp items`` and ``idp attributes`` as an operator uses them."""

import json

import pytest

from tests.kit.catalogue import LOAN
from tests.kit.operator import Operator

ITEM = {**LOAN, "department": "11330000mb0000019e"}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_items_from_file_to_force_and_back(idp: Operator, department: str, form: str) -> None:
    source = idp.file("first.json", {"items": [{**ITEM, "department": department}]})
    dry = idp.ask("items", "import", source, "--dry-run")
    assert dry["dry_run"] and dry["entries"][0]["what"] == "new" and idp.ask("items", "list") == []
    idp.ask("items", "import", source)
    assert idp.ask("items", "approve", "loan")["state"] == "approved"
    target = idp.folder / f"out.{form}"
    assert idp.ask("items", "export", str(target))["items"] == 1
    assert idp.ask("items", "import", str(target))["entries"] == [
        {"code": "loan", "what": "same", "version": 1, "changes": []}
    ]
    shown = idp.ask("items", "show", "loan")
    assert shown["approved"]["retention_days"] == 730 and shown["draft"] is None
    wider = idp.file("wider.json", {"items": [{**ITEM, "department": department, "retention_days": 1000}]})
    text = idp.run("items", "import", wider).output
    assert "- retention_days: 730" in text and "+ retention_days: 1000" in text
    assert "Draft, version 2" in idp.run("items", "show", "loan").output
    assert idp.ask("items", "reject", "loan")["state"] == "rejected"
    idp.ask("items", "retire", "loan")
    assert [row["state"] for row in idp.ask("items", "list")] == ["rejected", "retired"]


def test_attributes_from_file_and_back(idp: Operator) -> None:
    source = idp.file(
        "kinds.json", {"attributes": [{"code": "card", "claim": "card", "names": {"zh": "卡号", "en": "Card"}}]}
    )
    assert idp.ask("attributes", "import", source)["entries"][0]["what"] == "new"
    assert idp.ask("attributes", "show", "card")["built_in"] is False
    assert idp.ask("attributes", "show", "age_over_18")["computed_from"] == ["birthdate"]
    for form in ("json", "csv"):
        target = str(idp.folder / f"kinds.{form}")
        idp.ask("attributes", "export", target)
        assert idp.ask("attributes", "import", target)["entries"][0]["what"] == "same"
    assert "card" in {row["code"] for row in idp.ask("attributes", "list")}
    idp.ask("attributes", "retire", "card")
    assert idp.run("attributes", "show", "card").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("items", "approve", "nothing"),
        ("items", "retire", "nothing"),
        ("items", "show", "nothing"),
        ("attributes", "retire", "name"),
        ("items", "import", "bad.json"),
        ("attributes", "import", "bad.json"),
    ],
)
def test_what_is_refused_says_why_in_one_line(idp: Operator, arguments: tuple[str, ...]) -> None:
    bad = idp.file("bad.json", {"items": 1})
    result = idp.run(*(bad if a == "bad.json" else a for a in arguments))
    assert result.exit_code == 1 and result.stderr.startswith("idp: ") and len(result.stderr.splitlines()) == 1


def test_a_file_of_another_kind(idp: Operator) -> None:
    path = idp.folder / "items.xml"
    path.write_text(json.dumps({}), encoding="utf-8")
    assert idp.run("items", "import", str(path)).exit_code == 2


def test_explain_says_why_for_each_attribute(idp: Operator, department: str) -> None:
    app = {"client_name": "App", "redirect_uris": ["https://app.example/cb"], "scope": "openid email"}
    client = idp.ask("clients", "add", idp.file("app.json", app), "--department", department)["client_id"]
    idp.ask("items", "import", idp.file("i.json", {"items": [{**ITEM, "department": department}]}))
    query = 'https://id.example/authorize?scope=openid+email+service:loan&claims={"userinfo":{"name":null}}'
    waiting = idp.ask("release", "explain", client, query)
    assert waiting["error"].startswith("invalid_scope: ") and waiting["dropped"] == ["name"]
    assert waiting["lines"][0]["why"] == "item_not_approved"
    idp.ask("items", "approve", "loan")
    found = idp.ask("release", "explain", client, query)
    assert found["error"] == ""
    assert {(line["item"], line["attribute"]): line["why"] for line in found["lines"]} == {
        ("loan", "name"): "approved",
        ("loan", "birthdate"): "approved",
        ("loan", "marital_status"): "approved, if the citizen chooses it",
        ("loan", "email"): "approved, if the citizen chooses it",
        ("standard-login", "email"): "approved",
        ("standard-login", "email_verified"): "approved",
    }
    text = idp.run("release", "explain", client, "scope=openid service:loan").output
    assert "marital_status" in text and "The request would be accepted." in text
    assert idp.run("release", "explain", "nobody", query).exit_code == 1
    assert idp.run("release", "explain", client, "scope=email").exit_code == 1
