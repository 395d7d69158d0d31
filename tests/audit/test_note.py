"""Signed notes and checkpoints: the published examples verify, and whatever is forged, foreign or bent does not."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from idp.audit import note
from idp.audit.note import Checkpoint, NoteError

HEAD = Checkpoint("id.example.gov/log", 7, bytes(range(32)))
ED = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
PQ = MLDSA44PrivateKey.from_seed_bytes(b"\x02" * 32)
SIGNERS = {
    "ed25519": note.ed25519_signer("id.example.gov/log", ED),
    "witness": note.ed25519_cosigner("witness.example/w1", ED),
    "ml-dsa-44": note.mldsa44_cosigner("id.example.gov/log", PQ),
}
AT = 1_790_000_000


def signed(*names: str) -> str:
    return note.note(HEAD.text(), [SIGNERS[name][1](HEAD, AT) for name in names])


@pytest.mark.parametrize("name", SIGNERS)
def test_each_kind_of_signature_opens_the_checkpoint(name):
    """C2SP signed-note, tlog-checkpoint, tlog-cosignature"""
    key = SIGNERS[name][0]
    assert note.opened(signed(name), HEAD.origin, [key]) == (HEAD, [key])
    assert note.verifier(key.text()) == key


def test_unknown_signatures_are_ignored_and_known_ones_all_checked():
    """C2SP signed-note, Signatures"""
    both, ed = signed("ed25519", "ml-dsa-44"), SIGNERS["ed25519"][0]
    assert note.opened(both, HEAD.origin, [ed])[1] == [ed]
    assert len(note.opened(both, HEAD.origin, [k for k, _ in SIGNERS.values()])[1]) == 2
    with pytest.raises(NoteError, match="no known key"):
        note.opened(both, HEAD.origin, [SIGNERS["witness"][0]])


@pytest.mark.parametrize("name", SIGNERS)
@pytest.mark.parametrize("line", [0, 1, 2, -1])
def test_a_changed_line_is_refused(name, line):
    lines = signed(name).split("\n")
    at = {0: 0, 1: 1, 2: 2, -1: 4}[line]
    if line == -1:
        who, value = lines[at].rsplit(" ", 1)
        raw = bytearray(base64.b64decode(value))
        raw[-1] ^= 1
        lines[at] = f"{who} {base64.b64encode(raw).decode()}"
    elif line == 1:
        lines[at] = "8"
    elif line == 2:
        lines[at] = base64.b64encode(bytes(32)).decode()
    else:
        lines[at] = "other.example/log"
    with pytest.raises(NoteError):
        note.opened("\n".join(lines), HEAD.origin, [SIGNERS[name][0]])


def test_a_cosignature_binds_its_time():
    """C2SP tlog-cosignature: the timestamp is part of what is signed"""
    for name in ("witness", "ml-dsa-44"):
        key, sign = SIGNERS[name]
        good = sign(HEAD, AT)
        moved = note.Signature(good.name, good.id, (AT + 1).to_bytes(8, "big") + good.value[8:])
        assert note.verifies(key, HEAD.text(), good)
        assert not note.verifies(key, HEAD.text(), moved)


def test_the_published_example_of_a_note_is_read():
    """C2SP tlog-cosignature: log and witness line of its example"""
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
        "qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    body, signatures = note.split(text)
    assert note.checkpoint(body).size == 20852163
    assert [s.name for s in signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert [len(s.value) for s in signatures] == [64, 72]


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\n" + "A" * 43 + "=\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n",
     "a\n1\n" + "A" * 43 + "=", "a\n١\n" + "A" * 43 + "=\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text):
    """C2SP tlog-checkpoint, Note text"""
    with pytest.raises(NoteError):
        note.checkpoint(text)


@pytest.mark.parametrize(
    "text", ["", "x", "x\n\n", "x\n\ny\n", "x\n\n— a b\n", "x\n\n— a+b AAAAAAAA\n", "x\r\n\n— a AAAAAAAA\n"]
)
def test_what_is_no_note_is_refused(text):
    """C2SP signed-note, Format"""
    with pytest.raises(NoteError):
        note.split(text)


@pytest.mark.parametrize("text", ["", "a+b+c", "a b+00000000+AQ==", SIGNERS["ed25519"][0].text()[:-8] + "AAAAAAA="])
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(NoteError):
        note.verifier(text)
