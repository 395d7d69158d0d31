"""An Apache of the test's own with mod_auth_openidc, unmodified: a temporary ServerRoot, a free port, no system service."""

import os
import pwd
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.process import PATIENCE_S, Home, need, wait_until

MODULES = Path("/usr/lib/apache2/modules")
PROGRAM = Path("/usr/sbin/apache2")
WANTED = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "alias", "cgid", "auth_openidc")

CONFIGURATION = """
ServerRoot {root}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {root}/guarded.pid
ErrorLog {root}/error.log
Mutex file:{root}
DefaultRuntimeDir {root}
ScriptSock {root}/cgid.sock
User {user}
Group {group}
{modules}
LogLevel warn
DocumentRoot {root}/site
{openid}
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /open>
  AuthType None
  Require all granted
</Location>
ScriptAlias /claims {root}/claims.sh
"""

SCRIPT = """#!/bin/sh
printf 'Content-Type: text/plain; charset=utf-8\\r\\n\\r\\n'
env | grep '^HTTP_OIDC_\\|^REMOTE_USER' | sort
"""
"""What the application behind it learns: the headers that the module adds."""


@dataclass(frozen=True, slots=True)
class Apache:
    """A running server and where it writes."""

    port: int
    root: Path

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def log(self) -> str:
        """What it complained of."""
        path = self.root / "error.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def need_apache() -> None:
    """Skip with the reason, or fail where nothing may be skipped."""
    need("Apache", "apache2", PROGRAM.exists())
    need("mod_auth_openidc", "libapache2-mod-auth-openidc", (MODULES / "mod_auth_openidc.so").exists())


@contextmanager
def serving(port: int, openid: Mapping[str, tuple[str, ...]]) -> Iterator[Apache]:
    """Apache with the module's directives ``openid``; it and its folder are gone afterwards, however this process ends."""
    home = Home("apache")
    user = "www-data" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    (home.path / "site").mkdir()
    script = home.path / "claims.sh"
    script.write_text(SCRIPT, encoding="utf-8")
    file = home.path / "apache.conf"
    text = CONFIGURATION.format(
        root=home.path,
        port=port,
        user=user,
        group=user,
        modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in WANTED),
        openid="\n".join(" ".join((name, *(f'"{word}"' for word in words))) for name, words in openid.items()),
    )
    file.write_text(text, encoding="utf-8")
    if os.getuid() == 0:
        for path in (home.path, *home.path.rglob("*")):
            shutil.chown(path, user, user)
    script.chmod(0o755)
    process = subprocess.Popen([PROGRAM, "-DFOREGROUND", "-f", file], stdin=subprocess.DEVNULL, start_new_session=True)
    home.guarding(process.pid)
    try:
        apache = Apache(port, home.path)
        wait_until(lambda: process.poll() is not None or _answers(apache), "Apache")
        assert process.poll() is None, apache.log()
        yield apache
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)
        home.guarding(None)
        home.close()


def _answers(apache: Apache) -> bool:
    try:
        with urllib.request.urlopen(f"{apache.origin}/open", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


__all__ = ["Apache", "need_apache", "serving"]
