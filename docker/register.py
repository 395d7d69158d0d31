"""Enter the trial's department, a citizen and one department app, through the command line alone.

``register.py OFFICE BASE SETTINGS.json`` writes what ``python -m clients.sample_rp`` reads; where that file is, it does nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from clients.sample_rp.offices import OFFICES, metadata

DEPARTMENTS = {
    "social": ("人力资源和社会保障局", "Human Resources and Social Security Bureau", "11330000MB1234562R"),
}


def idp(*words: str) -> Any:
    """Run one verb; its JSON answer."""
    command = [sys.executable, "-P", "-m", "idp.cli", *words, "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def main(office: str, base: str, settings: Path) -> None:
    """Register ``office`` (of those with a client secret) at ``base``."""
    if settings.exists():
        return
    name_zh, name_en, code = DEPARTMENTS[office]
    where = ("--credit-code", code, "--region", "330000", "--level", "provincial")
    if code not in {row["credit_code"] for row in idp("departments", "list")}:
        idp("departments", "add", name_zh, "--name-en", name_en, *where)
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder, "client.json")
        document.write_text(json.dumps(metadata(OFFICES[office], base, None)), encoding="utf-8")
        client = idp("clients", "add", str(document), "--department", code)
    app = {
        "office": office,
        "base": base,
        "bind": "0.0.0.0",
        "client_id": client["client_id"],
        "secret": client["client_secret"],
    }
    issuer = os.environ["IDP_ISSUER"]
    part = settings.with_suffix(".part")
    part.touch(0o600)
    part.write_text(json.dumps({"issuer": issuer, "apps": [app]}), encoding="utf-8")
    part.replace(settings)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
