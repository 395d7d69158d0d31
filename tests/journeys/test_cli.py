"""The command line as an operator uses it: every verb on real stores, ``--json`` for programs."""

import json
import os
import sys
from pathlib import Path
from subprocess import PIPE, run

import pytest
from click.testing import CliRunner

from idp.app import open_parts
from idp.cli import NOUNS, main
from idp.config import load
from keys.errors import KeysError
from tests.kit.operator import CLIENT, Operator


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_help_of_every_noun_teaches(noun):
    result = CliRunner().invoke(main, [noun, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 150


def test_upgrade_twice_is_harmless_and_keeps_the_keys(idp):
    before = idp.ask("keys", "list")
    assert all(s["current"] == s["needed"] for s in idp.ask("db", "upgrade"))
    assert idp.ask("keys", "list") == before
    assert {(k["alg"], k["state"]) for k in before} >= {("ES256", "active"), ("ES256", "next"), ("RS256", "active")}


def test_serving_refuses_an_empty_database(tmp_path):
    operator = Operator(tmp_path)
    result = operator.run("clients", "list")
    assert result.exit_code == 1
    assert "db upgrade" in result.stderr


def test_unknown_setting_is_an_error(idp):
    result = idp.run("config", "show", IDP_ISUER="x")
    assert (result.exit_code, "IDP_ISUER" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDP_ISSUER", "http://id.example"),
        ("IDP_ISSUER", "https://id.example/"),
        ("IDP_ISSUER", ""),
        ("IDP_CODE_TTL", "3600"),
        ("IDP_CODE_TTL", "soon"),
        ("IDP_PASSWORD_MIN", "4"),
        ("IDP_OUTBOX_PAGE", "true"),
        ("IDP_DEFAULT_LOCALE", "fr"),
    ],
)
def test_unsafe_setting_is_refused(idp, name, value):
    assert idp.run("config", "show", **{name: value}).exit_code == 1


@pytest.mark.parametrize("content", ["", "not a hash\n", "short\n"])
def test_breach_list_that_is_none_is_refused_at_start(idp, tmp_path, content):
    (tmp_path / "list").write_text(content)
    result = idp.run("keys", "list", IDP_PASSWORD_BREACHED_FILE=str(tmp_path / "list"))
    assert (result.exit_code, "IDP_PASSWORD_BREACHED_FILE" in result.stderr) == (1, True)


def test_config_show_masks_secrets_and_names_sources(idp):
    url = "postgresql://yimen:hunter2@db.example/yimen"
    rows = {r["name"]: r for r in idp.ask("config", "show", IDP_DATABASE_URL=url)}
    assert rows["IDP_DATABASE_URL"]["value"] == "postgresql://****@db.example/yimen"
    assert rows["IDP_DATABASE_URL"]["source"] == "environment"
    assert rows["IDP_CODE_TTL"]["source"] == "default"


def test_secret_from_a_file(idp, tmp_path):
    secret = tmp_path / "smtp"
    secret.write_text("smtps://u:p@mail.example/?from=a@b.example\n", encoding="utf-8")
    rows = {r["name"]: r for r in idp.ask("config", "show", IDP_SMTP_URL_FILE=str(secret))}
    assert rows["IDP_SMTP_URL"] == rows["IDP_SMTP_URL"] | {
        "source": "file",
        "value": "smtps://****@mail.example/?from=a@b.example",
    }


def test_client_is_added_shown_and_listed_without_its_secret(idp, department):
    added = idp.ask("clients", "add", idp.file("c.json", CLIENT), "--department", "11330000MB0000019E")
    assert added["client_secret"]
    shown = idp.ask("clients", "show", added["client_id"])
    assert "client_secret" not in shown
    assert shown["department_id"] == department
    assert [c["client_id"] for c in idp.ask("clients", "list")] == [added["client_id"]]
    assert idp.ask("clients", "errors", added["client_id"]) == []
    for stored in idp.folder.glob("main.db*"):
        assert added["client_secret"].encode() not in stored.read_bytes()


def test_bad_metadata_is_refused_with_the_rfc_error(idp, department):
    result = idp.run(
        "clients",
        "add",
        idp.file("c.json", CLIENT | {"redirect_uris": ["https://*.example/cb"]}),
        "--department",
        department,
    )
    assert (result.exit_code, "invalid_redirect_uri" in result.stderr) == (1, True)


CODE = "11330000MB0000019E"


@pytest.mark.parametrize(
    ("code", "region", "level", "told"),
    [
        ("123", "330100", "city", "GB 32100"),
        (CODE.lower(), "330100", "city", "GB 32100"),
        ("IOSVZ0000024821060", "330100", "city", "GB 32100"),
        (CODE[:-1] + "F", "330100", "city", "GB 32100"),
        (CODE.replace("19E", "29E"), "330100", "city", "GB 32100"),
        (CODE, "33", "city", "GB/T 2260"),
        (CODE, "999999", "city", "GB/T 2260"),
        (CODE, "330001", "county", "GB/T 2260"),
        (CODE, "100000", "city", "GB/T 2260"),
    ],
)
def test_department_with_malformed_codes_is_refused(idp, code, region, level, told):
    """Letters that GB 32100 leaves out, wrong check characters of the code or of the organisation code in it, no such province"""
    words = ("departments", "add", "局", "--name-en", "B", "--credit-code", code, "--region", region, "--level", level)
    result = idp.run(*words)
    assert (result.exit_code, told in result.stderr, idp.ask("departments", "list")) == (1, True, [])


@pytest.mark.parametrize("name", ["a b/../c", "Tax", "-tax", "tax-", "税务", "a" * 64, "tax\n", " "])
def test_the_id_of_a_department_is_one_plain_word(idp, name):
    where = ("--credit-code", CODE, "--region", "330100", "--level", "city")
    result = idp.run("departments", "add", "局", "--name-en", "B", *where, f"--id={name}")
    assert (result.exit_code, "id" in result.stderr, idp.ask("departments", "list")) == (1, True, [])


def test_the_whole_country_is_the_region_of_what_is_national(idp):
    where = ("--credit-code", CODE, "--region", "100000", "--level", "national")
    assert idp.ask("departments", "add", "局", "--name-en", "B", *where, "--id", "b-2")["id"] == "b-2"


def test_organs_of_one_organisation_share_its_credit_code(idp, department):
    known = next(row for row in idp.ask("departments", "list") if row["id"] == department)
    organ = ("departments", "add", "处", "--name-en", "Organ", "--credit-code", known["credit_code"], "--id", "organ")
    idp.ask(*organ, "--region", "330100", "--level", "city")
    refused = idp.run("clients", "token", "--department", known["credit_code"])
    assert refused.exit_code == 1 and "organ" in refused.stderr and department in refused.stderr
    assert idp.ask("clients", "token", "--department", "organ")["initial_access_token"]


def test_folder_that_cannot_be_made_is_one_line(idp):
    result = idp.run("backup", "/proc/nowhere")
    assert (result.exit_code, "Traceback" in result.output) == (1, False)


def test_unknown_department_is_refused(idp):
    result = idp.run("clients", "add", idp.file("c.json", CLIENT), "--department", "nowhere")
    assert (result.exit_code, "nowhere" in result.stderr) == (1, True)


def test_initial_access_token_is_shown_once_and_stored_as_hash(idp, department):
    made = idp.ask("clients", "token", "--department", department, "--uses", "3")
    assert made["uses"] == 3
    for stored in idp.folder.glob("main.db*"):
        assert made["initial_access_token"].encode() not in stored.read_bytes()


def test_account_file_and_its_mistakes(idp):
    added = idp.ask(
        "accounts",
        "add",
        idp.file(
            "a.json", {"identifiers": ["li.wei"], "password": "a long enough sentence", "claims": {"name": "李伟"}}
        ),
    )
    assert len(added) == 1
    again = idp.run(
        "accounts", "add", idp.file("b.json", {"identifiers": ["LI.WEI"], "password": "another long sentence"})
    )
    assert again.exit_code == 1


def test_rotation_publishes_a_next_key_and_the_emergency_switches(tmp_path):
    idp = Operator(tmp_path)
    idp.ask("db", "upgrade")
    active = {k["kid"] for k in idp.ask("keys", "list") if k["state"] == "active"}
    told = idp.run("keys", "rotate").stderr
    keys = idp.ask("keys", "list")
    older, younger = (k["kid"] for k in keys if (k["alg"], k["state"]) == ("ES256", "next"))
    assert f"ES256: {older} signs from 2" in told and f"{younger} after it, at the next rotation" in told
    assert {k["kid"] for k in keys if k["state"] == "active"} == active
    assert len([k for k in keys if k["state"] == "next"]) == 8
    idp.ask("keys", "rotate", "--now")
    keys = idp.ask("keys", "list")
    assert not active & {k["kid"] for k in keys if k["state"] == "active"}
    assert active == {k["kid"] for k in keys if k["state"] == "retired"}


def test_escrow_and_recovery_of_the_root_key(idp, tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "pub.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "priv.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    idp.ask("keys", "escrow", "--to", str(tmp_path / "pub.pem"), "--out", str(tmp_path / "root.jwe"))
    (tmp_path / "keys").rename(tmp_path / "lost")
    lost = idp.run("keys", "list")
    assert lost.exit_code == 1
    refused = idp.run("db", "upgrade")
    assert refused.exit_code == 1, "a new root key must not replace a lost one"
    idp.ask("keys", "recover", str(tmp_path / "root.jwe"), "--key", str(tmp_path / "priv.pem"))
    assert idp.ask("keys", "list")


def test_wrong_root_key_refuses_with_a_clear_message(idp, tmp_path):
    other = Operator(tmp_path / "other")
    other.folder.mkdir()
    other.ask("db", "upgrade")
    result = idp.run("keys", "list", IDP_KEYS_URL=other.env["IDP_KEYS_URL"])
    assert (result.exit_code, "the open root is" in result.stderr) == (1, True)


def test_parts_that_do_not_open_leave_no_file_open(idp, tmp_path):
    """Who refuses to start closes what it had opened by then."""
    other = Operator(tmp_path / "other")
    other.folder.mkdir()
    other.ask("db", "upgrade")
    with pytest.raises(KeysError, match="the open root is"):
        open_parts(load(idp.env | {"IDP_KEYS_URL": other.env["IDP_KEYS_URL"]}))
    held = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    assert [path for path in held if path.startswith(str(idp.folder))] == []


def test_audit_list_and_export(idp, department, tmp_path):
    from hashlib import sha256

    kinds = [e["kind"] for e in idp.ask("audit", "list", "--limit", "1000")]
    assert kinds[-1] == "department.added"
    assert "key.moved" in kinds
    out = tmp_path / "log.jsonl"
    assert idp.run("audit", "export", "--out", str(out)).exit_code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == len(kinds)
    for line in lines:
        inner = sha256(bytes.fromhex(line["salt"]) + line["head"].encode()).digest()
        digests = b"".join(bytes.fromhex(f["digest"]) for f in line["fields"])
        assert sha256(b"yimen-event/1" + inner + digests).hexdigest() == line["entry"]
    assert idp.ask("audit", "list", "--limit", "1")[0]["kind"] == "audit.exported"


@pytest.mark.attack("F29", "F30")
def test_backup_verifies_and_comes_back_with_sessions_ended(idp, tmp_path):
    """A copy never goes over what is there, and every session and grant in it is ended (DECISIONS 7)."""
    idp.ask("accounts", "add", idp.file("a.json", {"identifiers": ["li.wei"], "password": "a long enough sentence"}))
    idp.ask("backup", str(tmp_path / "copies"))
    report = idp.ask("restore", str(tmp_path / "copies"), "--verify")
    assert (report["whole"], report["accounts"]) == (True, 1)
    assert idp.run("restore", str(tmp_path / "copies")).exit_code == 1, "never over what is there"
    for name in ("main.db", "main.db-wal", "main.db-shm", "keyring.db", "keyring.db-wal", "keyring.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert idp.ask("restore", str(tmp_path / "copies"))["accounts"] == 1
    assert idp.ask("audit", "list", "--limit", "1")[0]["kind"] == "store.restored"


def stores(folder) -> set[str]:
    there = {path.name for path in folder.iterdir() if path.name.startswith(("main.db", "keyring.db"))}
    return {name for name in there if not name.endswith(".lock")}


def lost(folder, *names: str) -> None:
    for name in names:
        for end in ("", "-wal", "-shm"):
            (folder / f"{name}{end}").unlink(missing_ok=True)


@pytest.mark.attack("F29", "F30")
def test_a_refused_restore_writes_nothing_and_the_living_keyring_can_stay(idp, tmp_path):
    """Whoever serves after a refusal would serve a copy in which nothing was ended; whom the keyring forgot stays forgotten (DECISIONS 7, 43)"""
    for name in ("li.wei", "zhang.min"):
        idp.ask("accounts", "add", idp.file("a.json", {"identifiers": [name], "password": "a long enough sentence"}))
    idp.ask("backup", str(tmp_path / "copies"))
    idp.ask("accounts", "erase", "zhang.min", "--reason", "court-order", "--yes")
    lost(tmp_path, "main.db")
    refused = idp.run("restore", str(tmp_path / "copies"))
    assert (refused.exit_code, "--keep-keyring" in refused.output + refused.stderr) == (1, True)
    assert not {name for name in stores(tmp_path) if name.startswith("main.db")}
    (tmp_path / "main.db-wal").write_bytes(b"another's")
    assert idp.run("restore", str(tmp_path / "copies"), "--keep-keyring").exit_code == 1, "its log would be read"
    lost(tmp_path, "main.db")
    done = idp.ask("restore", str(tmp_path / "copies"), "--keep-keyring")
    assert (done["keyring"], done["accounts"], done["erased_again"]) == ("kept as it was", 1, 1)
    assert {"sessions_ended", "grants_ended", "codes_ended", "keys_destroyed_again", "log"} <= set(done)
    assert not {name for name in stores(tmp_path) if "restoring" in name}
    lost(tmp_path, "main.db", "keyring.db")
    nothing = idp.run("restore", str(tmp_path / "copies"), "--keep-keyring")
    assert (nothing.exit_code, stores(tmp_path)) == (1, set())


@pytest.mark.attack("F29", "F30")
@pytest.mark.parametrize("keep", [False, True])
def test_a_restore_that_fails_takes_away_what_it_wrote(idp, tmp_path, monkeypatch, keep):
    """At the last step before it is done: neither database stands there un-ended, and the next try succeeds"""
    from idp.errors import Unavailable

    idp.ask("backup", str(tmp_path / "copies"))
    lost(tmp_path, "main.db", *(() if keep else ("keyring.db",)))
    before, more = stores(tmp_path), ["--keep-keyring"] if keep else []

    def dies(*_: object) -> None:
        assert not (tmp_path / "main.db").exists(), "not under its name before everything is ended"
        raise Unavailable("keyring")

    with monkeypatch.context() as broken:
        broken.setattr("idp.flows.restored.after_restore", dies)
        assert idp.run("restore", str(tmp_path / "copies"), *more).exit_code == 1
    assert (stores(tmp_path), before) == (before, {"keyring.db"} if keep else set())
    assert idp.ask("restore", str(tmp_path / "copies"), *more)["whole"]


@pytest.mark.attack("F29", "F30")
def test_a_keyring_older_than_the_copy_is_noticed(idp, tmp_path):
    """People without a key are counted and refused; who was erased is none of them, and stays erased (DECISIONS 43, 92)"""
    import shutil

    keys = {"IDP_SMTP_URL": "smtps://u:p@mail.example/?from=a@b.example"}
    for name in ("li.wei", "zhang.min"):
        idp.ask("accounts", "add", idp.file("a.json", {"identifiers": [name], "password": "a long enough sentence"}))
    idp.ask("backup", str(tmp_path / "older"))
    idp.ask("accounts", "add", idp.file("a.json", {"identifiers": ["wang.hua"], "password": "a long enough sentence"}))
    idp.ask("accounts", "erase", "zhang.min", "--reason", "court-order", "--yes")
    assert "the keys of 2 people open" in idp.run("doctor", "--offline", **keys).output
    idp.ask("backup", str(tmp_path / "copies"))
    lost(tmp_path, "main.db", "keyring.db")
    shutil.copyfile(tmp_path / "older" / "keyring", tmp_path / "keyring.db")
    refused = idp.run("restore", str(tmp_path / "copies"), "--keep-keyring")
    assert (refused.exit_code, "1 of 2 people" in refused.stderr) == (1, True), refused.stderr
    assert not (tmp_path / "main.db").exists()
    taken = idp.ask("restore", str(tmp_path / "copies"), "--keep-keyring", "--accept-unreadable")
    assert (taken["accounts"], taken["unreadable"], taken["erased_again"]) == (1, 1, 1)
    told = idp.run("doctor", "--offline", **keys)
    assert (told.exit_code, "1 of 2 people have no key that opens" in told.output) == (1, True)
    lost(tmp_path, "main.db")
    assert idp.ask("restore", str(tmp_path / "older"), "--keep-keyring")["erased_again"] == 1, "not brought back"
    lost(tmp_path, "main.db", "keyring.db")
    shutil.copyfile(tmp_path / "older" / "keyring", tmp_path / "copies" / "keyring")
    checked = idp.run("restore", str(tmp_path / "copies"), "--verify")
    assert (checked.exit_code, "1 of 2 people" in checked.stderr) == (1, True)


def test_altered_copy_is_noticed(idp, tmp_path):
    import sqlite3

    idp.ask("backup", str(tmp_path / "copies"))
    (copy,) = (tmp_path / "copies").glob("database-*")
    with sqlite3.connect(copy) as rows:
        rows.execute(
            "UPDATE events SET head = CAST(replace(CAST(head AS TEXT), 'key.moved', 'key.stood') AS BLOB) WHERE seq = 1"
        )
    rows.close()
    result = idp.run("restore", str(tmp_path / "copies"), "--verify")
    assert (result.exit_code, "altered" in result.output + result.stderr) == (1, True)


def test_doctor_says_what_is_wrong(idp, tmp_path):
    sending = {"IDP_SMTP_URL": "smtps://u:p@mail.example/?from=a@b.example"}
    assert idp.run("doctor", "--offline", **sending).exit_code == 0
    silent = idp.run("doctor", "--offline")
    assert (silent.exit_code, "IDP_SMTP_URL" in silent.output) == (1, True)
    empty = Operator(tmp_path / "empty")
    empty.folder.mkdir()
    result = empty.run("doctor", "--offline")
    assert (result.exit_code, "idp db upgrade" in result.output) == (1, True)
    unset = CliRunner().invoke(main, ["doctor"], env={"IDP_ISSUER": ""})
    assert (unset.exit_code, "IDP_ISSUER" in unset.output) == (1, True)


def test_doctor_names_a_broken_client(idp, department):
    import sqlite3

    added = idp.ask("clients", "add", idp.file("c.json", CLIENT), "--department", department)
    with sqlite3.connect(idp.folder / "main.db") as rows:
        rows.execute("UPDATE clients SET document = x'00'")
    rows.close()
    result = idp.run("doctor", "--offline")
    assert (result.exit_code, added["client_id"] in result.output) == (1, True)


def test_a_reader_that_has_enough_ends_a_verb_in_silence(idp):
    """`idp doctor | head`: no complaint of ours or of the interpreter"""
    kept, ours = os.pipe()
    os.close(kept)
    try:
        told = run(
            [sys.executable, "-m", "idp.cli", "doctor", "--offline"],
            env=os.environ | idp.env,
            stdout=ours,
            stderr=PIPE,
            check=False,
        )
    finally:
        os.close(ours)
    assert (told.returncode, told.stderr) == (1, b"")


def test_files_are_private(idp):
    assert (idp.folder / "keys").stat().st_mode & 0o077 == 0
    for file in (idp.folder / "keys").iterdir():
        assert file.stat().st_mode & 0o077 == 0
    assert os.access(idp.folder / "main.db", os.R_OK)
