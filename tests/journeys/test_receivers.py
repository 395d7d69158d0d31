"""Where checkpoints go: a file, syslog as RFC 5424 over TCP, an HTTP receiver; a blocked one delays nothing (F46)."""

import socket
import threading
from pathlib import Path

import pytest

from idp.config import ConfigError
from idp.flows.log_keeper import LogKeeper
from idp.flows.sequencer import head
from idp.receivers import message, open_receivers
from tests.journeys.test_log_verify import written
from tests.journeys.test_sequencer import happen
from tests.kit.process import PATIENCE_S

NOTE = "id.example/log\n1\nroot\n\n\N{EM DASH} id.example/log AAAA\n"


def test_a_file_holds_every_checkpoint_that_was_shown(make_house, tmp_path):
    file = tmp_path / "offsite"
    house = make_house(log_receivers=(f"file://{file}",))
    keeper = LogKeeper(house.parts, open_receivers(house.config, house.parts.outbound))
    for size in (20, 40):
        written(house, size)
        house.clock.advance(61)
        keeper.tick()
    assert [part.split("\n")[1] for part in file.read_text().split("\nid.example/log\n")[0:1]] == ["20"]
    assert file.read_text().count("id.example/log\n") == 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_syslog_message_is_one_line_behind_its_length(make_house):
    """RFC 5424 §6, RFC 6587 §3.4.1"""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            line, _ = server.accept()
            with line:
                while data := line.recv(65536):
                    got.append(data)

        thread = threading.Thread(target=take)
        thread.start()
        house = make_house(log_receivers=(f"syslog://127.0.0.1:{server.getsockname()[1]}",))
        (receiver,) = open_receivers(house.config, house.parts.outbound)
        receiver.send(NOTE, house.clock())
        thread.join(PATIENCE_S)
    length, _, rest = b"".join(got).partition(b" ")
    assert int(length) == len(rest)
    front, _, text = rest.partition("\ufeff".encode())
    assert front.startswith(b"<109>1 ") and front.split(b" ")[2:6] == [b"id.example", b"yimen", b"-", b"checkpoint"]
    assert text.decode() == NOTE.replace("\n", "\\n")


@pytest.mark.attack("A153")
@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "\x1b[31m\n<13>1 forged"])
def test_nothing_in_a_message_begins_another(text):
    """RFC 5424 §6: line breaks are written out"""
    made = message(text, "host name\n", "checkpoint", 1_700_000_000_000_000)
    assert b"\n" not in made and b"\r" not in made
    assert made.split(b" ")[2] == b"host-name-"


@pytest.mark.parametrize("url", ["ftp://x", "file:", "syslog:", "x", "https:"])
def test_an_address_that_is_none_is_refused(make_house, url):
    house = make_house(log_receivers=(url,))
    with pytest.raises(ConfigError, match="IDP_LOG_RECEIVERS"):
        open_receivers(house.config, house.parts.outbound)


@pytest.mark.attack("F46")
def test_a_receiver_that_is_away_is_said_once_and_tried_again(make_house, tmp_path):
    """The log goes on; the receiver gets the newest checkpoint when it is there again"""
    file = tmp_path / "away" / "offsite"
    house, said = make_house(log_receivers=(f"file://{file}", "https://127.0.0.1:1/x")), list[str]()
    keeper = LogKeeper(house.parts, open_receivers(house.config, house.parts.outbound), trouble=said.append)
    for size in (20, 30, 40):
        written(house, size)
        happen(house)
        assert keeper.sequence() == 1
        house.clock.advance(61)
        keeper.tick()
    assert len(said) == 2 and all("could not be sent" in line and "?" not in line for line in said)
    Path(file.parent).mkdir()
    house.clock.advance(61)
    keeper.tick()
    assert file.read_text().split("\n")[1] == str(head(house.parts).size)
