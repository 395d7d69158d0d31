"""A real hardware token's stand-in: SoftHSM2 with one token for the run. The module reads its configuration once per process."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.kit.process import need

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
TOKEN, PIN = "yimen test", "123456"


@dataclass(frozen=True, slots=True)
class Token:
    """Where it is; ``url`` names a root key on it, each label its own house."""

    module: str
    folder: Path

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    def url(self, label: str, *, token: str = TOKEN, module: str = "", pin_file: Path | None = None) -> str:
        query = f"module-path={module or self.module}&pin-source=file:{pin_file or self.pin_file}"
        return f"pkcs11:token={quote(token)};object={quote(label)}?{query}"


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    module = next((path for path in MODULES if Path(path).exists()), "")
    need("SoftHSM2", "softhsm2", module)
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    made = Token(module, folder)
    made.pin_file.touch(0o600)
    made.pin_file.write_text(PIN + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(conf))
        words = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "654321", "--pin", PIN]
        subprocess.run(words, check=True, capture_output=True, env=dict(os.environ))
        yield made


@pytest.fixture
def root_url(token: Token) -> Callable[[], str]:
    """A fresh label at each call."""
    return lambda: token.url(f"root {os.urandom(4).hex()}")
