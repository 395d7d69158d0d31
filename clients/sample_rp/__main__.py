"""Run department apps: ``python -m clients.sample_rp SETTINGS.json``.

SETTINGS.json: {"issuer": "http://localhost:8000", "apps": [{"office": "tax", "base": "http://localhost:8001", "client_id": "…", "secret": "…"}]} with
``jwk`` (a private JWK) instead of ``secret`` for an office that uses private_key_jwt, ``jwk_enc`` for one that is told encrypted, ``"check": true``
where the office's item for comparing a number is approved.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from joserfc.jwk import ECKey
from werkzeug.serving import WSGIRequestHandler, make_server

from clients.sample_rp.app import create_rp
from clients.sample_rp.offices import OFFICES


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Request lines hold codes; they are not logged."""


def main(path: str) -> None:
    """Serve every app of the settings until SIGTERM or Ctrl-C."""
    settings = json.loads(Path(path).read_text(encoding="utf-8"))
    siblings = {a["office"]: a["base"] for a in settings["apps"]}
    servers = []
    for app in settings["apps"]:
        credential = ECKey.import_key(app["jwk"]) if "jwk" in app else app["secret"]
        rp = create_rp(
            OFFICES[app["office"]],
            issuer=settings["issuer"],
            client_id=app["client_id"],
            credential=credential,
            decryption=ECKey.import_key(app["jwk_enc"]) if "jwk_enc" in app else None,
            base=app["base"],
            siblings=siblings,
            checks=app.get("check", False),
        )
        url = urlsplit(app["base"])
        servers.append(
            make_server(app.get("bind", "127.0.0.1"), url.port or 80, rp, threaded=True, request_handler=_Quiet)
        )
    done = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        done.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    done.wait()
    for server in servers:
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
