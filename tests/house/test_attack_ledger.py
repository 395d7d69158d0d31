"""The ledger of attacks and faults: each row is held off by a marked test, or stands here with why it can't be tried yet."""

import ast
import re
from functools import cache

import pytest

from tests.house.tree import name, sources, statements, text
from tests.kit.house import House

CATALOGUE = """
A001 another host behind an @ in redirect_uri
A002 a registered host as prefix or suffix of another
A003 patterns in redirect URIs
A004 traversal and encodings in redirect URIs
A005 control characters and look-alikes in redirect URIs
A006 the port of a loopback URI
A008 errors redirected before the URI is proven
A009 no redirect_uri
A010 schemes that run
A011 a parameter twice
A012 query against body
A013 huge or broken text
A014 other methods
A015 response types with tokens
A017 scopes beyond measure
A018 prompt=login and max_age passed over
A019 prompt=none as an oracle
A020 hints of others
A021 a level of assurance passed over
A022 markup in form_post and error pages
A023 mix-up of providers
A024 the nonce
A025 unsigned request objects
A026 request objects signed by another
A027 request_uri that makes us call
A028 a pushed request used by others or again
A029 request and request_uri together
A030 parameters beside a request object
A031 old, foreign or replayed request objects
A032 pushing without end
A033 a code twice
A035 a code at another client
A036 another redirect_uri at the token endpoint
A037 the verifier left out
A038 the challenge stripped
A039 plain and malformed PKCE
A040 a code after its end
A044 a used refresh token
A047 a refresh token for more or for others
A049 revoking another's token
A050 introspecting another's token
A052 introspection by nobody
A053 one kind of token as another
A055 an access token in the query or twice
A056 UserInfo with the wrong token
A057 grant types that are not offered
A058 disabled clients and accounts
A060 an assertion twice
A061 assertions for others
A062 a public key as HMAC secret
A063 no algorithm
A064 keys in headers
A065 crit and b64
A066 giant JOSE
A067 two methods, another method
A068 client ids that disagree
A069 forged certificate headers
A070 guessing client secrets
A072 hostile key sets
A073 a DPoP proof twice
A074 malformed DPoP proofs
A075 a bound token without its key
A076 compressed JWE
A077 PBES2
A078 RSA1_5
A079 hostile encryption keys
A081 a key swapped before a release
A082 the claims parameter
A083 two departments compare
A085 sealed values moved or altered
A086 consent and sign-in from another site
A087 our pages in a frame
A090 consent of a public client reused
A091 stored markup
A092 addresses of clients that run
A093 logos that call or track
A094 double submits
A095 another citizen's sessions and services
A096 consent withdrawn while tokens are out
A097 registering without a right
A098 jwks_uri into the inside
A099 sector_identifier_uri into the inside
A100 logout URIs into the inside
A102 another client's registration token
A103 reading across origins
A104 who has an account, by answers
A105 who has an account, by time
A106 giant passwords
A107 passwords cut off
A108 passwords in two spellings
A109 another address at each try
A112 counters per alias
A113 locking the owner out
A114 identifiers in two spellings
A115 a session handed over
A117 two people in one flow
A118 another Host
A119 a reset for two addresses
A120 one-time codes again or elsewhere
A121 sessions after a change of password or factor
A123 cookie flags and planted cookies
A124 sessions without end
A125 a one-time password twice
A126 guessing one-time passwords
A128 a way without the second factor
A129 factors changed without proof
A130 WebAuthn: challenges
A131 WebAuthn: origins
A132 WebAuthn: flags
A134 WebAuthn: counters and attestation
A135 device grant
A136 CIBA
A137 upstream: accounts by e-mail
A138 upstream: email_verified of another source
A140 upstream: ID tokens
A141 upstream: hashes of unknown algorithms
A142 upstream: discovery
A143 upstream: callbacks
A144 upstream: deactivated providers
A145 SAML
A146 open redirect at logout
A147 forced logout
A148 what logout leaves behind
A149 logout tokens elsewhere
A150 front-channel frames
A151 shared caches
A152 poisoned discovery
A153 log injection
A154 secrets that lie about
A155 a rewritten event log
A158 wildcards in searches
A160 crossed answers of the volatile store
A161 JSON in two readings
A163 giant requests
A164 two message lengths
A165 open back rooms
A166 operators who read hashes
A167 guessable values
A168 signing keys of another time or purpose
A169 errors that tell
A170 credentials that travel on
A171 open redirect of our own pages
"""

FAULTS = """
F01 killed before a commit
F02 killed between commit and answer
F03 killed between a token and its event
F04 the parent or all workers killed
F05 killed while the log grows
F06 stopped and renewed under load
F07 PostgreSQL restarts
F08 PostgreSQL fails over
F09 a slow database
F10 no connection left
F11 deadlocks and storms of one key
F12 SQLite locked, a reader that stays
F13 a power cut
F14 a full disk
F15 a disk that can't be written
F16 Redis flushed
F17 Redis gone
F18 a slow or read-only Redis
F19 planted values in Redis
F20 clocks that jump or differ
F21 years, zones, leap days
F22 signing keys turn under load
F23 two nodes turn keys at once
F24 the data key turns, killed half way
F25 the root key lost, wrong or away
F26 altered or swapped ciphertext
F27 damaged rows
F28 a cut or edited log
F29 yesterday's backup
F30 a backup under load
F31 a killed upgrade, two at once
F32 upgrades from every release
F33 fifty for one
F34 the same twice
F35 callers who never finish
F36 giant and deep bodies everywhere
F37 a storm of sign-ins
F38 one citizen with very much
F39 one client with very many tokens
F40 an identity provider above is down
F41 a logout receiver is down
F42 a client's documents are away
F43 the mail gateway is down
F44 names that don't resolve
F45 certificates and proxies
F46 a log that nobody reads
F47 no randomness
F48 leaks over time
F49 cleaning beside use
F50 a witness is down
"""

OUT_OF_REACH = {
    "DPoP isn't offered: tokens are bearer tokens, and discovery says so": "A073 A074 A075",
    "passkeys aren't offered": "A130 A131 A132 A134",
    "the device grant isn't offered": "A135",
    "CIBA isn't offered": "A136",
    "there are no other identity providers to sign in with": "A137 A138 A140 A141 A142 A143 A144 F40",
    "SAML isn't offered": "A145",
}
"""Why a row can't be tried → rows. Offering the feature means taking its rows away here."""

ROWS = dict(line.split(" ", 1) for line in (CATALOGUE + FAULTS).split("\n") if line)
WAITING = {row: why for why, rows in OUT_OF_REACH.items() for row in rows.split()}


@cache
def marked() -> dict[str, list[str]]:
    """Row → the collected tests that are marked with it."""
    found: dict[str, list[str]] = {}
    for path in sources("tests"):
        if not path.name.startswith("test_") or "mark.attack" not in text(path):
            continue
        for node in statements(path):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                for row in _rows(node):
                    found.setdefault(row, []).append(f"{name(path)}::{node.name}")
    return found


def _rows(node: ast.FunctionDef) -> list[str]:
    calls = [d for d in node.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "pytest.mark.attack"]
    return [str(arg.value) for call in calls for arg in call.args if isinstance(arg, ast.Constant)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_tried_or_out_of_reach(row: str) -> None:
    tests = marked().get(row, [])
    assert tests or row in WAITING, f"{row} ({ROWS[row]}) has no test and no reason"
    assert not (tests and row in WAITING), f"{row} is tried by {tests[0]}: take it out of OUT_OF_REACH"


@pytest.mark.parametrize("row", [row for row in ROWS if row.startswith("A") and row not in WAITING])
def test_every_attack_is_tried_in_the_folder_of_attacks(row: str) -> None:
    """Whatever other folder tries it too; faults have folders of their own."""
    assert [test for test in marked().get(row, []) if test.startswith("tests/attacks/")], f"{row} ({ROWS[row]})"


SECTION = re.compile(
    r"§|Art\. \d|\b(CVE-\d{4}-\d+|GHSA-|CWE-\d+|ASVS \d|RFC \d+|SP 800-|GDPR art|OWASP|C2SP|DECISIONS \d|issue \d+)"
)
"""What a reader can look up: a section of a standard, or the published flaw."""


def test_every_attack_says_where_it_is_forbidden() -> None:
    attacks = [
        (f"{name(path)}::{node.name}", ast.get_docstring(node) or "")
        for path in sources("tests")
        if path.parent.name == "attacks"
        for node in statements(path)
        if isinstance(node, ast.FunctionDef) and _rows(node)
    ]
    assert attacks and [test for test, told in attacks if not SECTION.search(told)] == []


def test_only_rows_of_the_catalogue_are_named() -> None:
    assert set(WAITING) <= set(ROWS)
    named = set(marked())
    assert named <= set(ROWS), named - set(ROWS)


def test_what_is_out_of_reach_is_not_offered(house: House) -> None:
    """The reasons are true: discovery says nothing of these features, and no algorithm or endpoint of theirs is there."""
    told = house.request("GET", "/.well-known/openid-configuration").text.lower()
    assert "token_endpoint" in told
    for word in ("dpop", "device", "ciba", "backchannel_authentication", "saml", "webauthn"):
        assert word not in told
    for path in ("/device", "/bc-authorize", "/saml", "/callback", "/webauthn"):
        assert house.request("GET", path).status_code == 404
