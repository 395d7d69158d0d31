"""An operator at the command line: ``idp`` with the environment of one installation."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from idp.cli import main
from idp.config import Config

CLIENT = {"client_name": "App", "redirect_uris": ["https://app.example/cb"]}


class Operator:
    """Runs ``idp`` with the environment of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {
            "IDP_ISSUER": "https://id.example",
            "IDP_DATABASE_URL": f"sqlite:///{folder}/main.db",
            "IDP_KEYRING_URL": f"sqlite:///{folder}/keyring.db",
            "IDP_VOLATILE_URL": f"sqlite:///{folder}/volatile.db",
            "IDP_KEYS_URL": f"file://{folder}/keys",
            "IDP_ARGON2_MEMORY_KIB": "64",
        }

    def run(self, *arguments: str, **env: str) -> Result:
        return CliRunner().invoke(main, arguments, env=self.env | env, catch_exceptions=False)

    def ask(self, *arguments: str, **env: str) -> Any:
        """The JSON answer of a verb that must succeed."""
        result = self.run(*arguments, "--json", **env)
        assert result.exit_code == 0, result.output + result.stderr
        return json.loads(result.stdout)

    def file(self, name: str, value: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return str(path)


def environment(config: Config) -> dict[str, str]:
    """What leads ``idp`` to the stores and keys of a house."""
    return {
        "IDP_ISSUER": config.issuer,
        "IDP_DATABASE_URL": config.database_url,
        "IDP_KEYRING_URL": config.keyring_url,
        "IDP_VOLATILE_URL": config.volatile_url,
        "IDP_KEYS_URL": config.keys_url,
    }
