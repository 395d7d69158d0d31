import pytest

from clients.errors import ClientError
from clients.redirects import (
    DIFFERENCE_TEXT,
    Difference,
    check_redirect_uri,
    check_redirect_uris,
    difference,
    match,
    match_post_logout,
    nearest,
    web_origins,
)
from tests.clients.ground import make_client


@pytest.mark.parametrize(
    ("uri", "native"),
    [
        ("https://tax.example/cb", False),
        ("https://tax.example", False),
        ("https://tax.example:8443/cb?tenant=1", False),
        ("https://intranet/cb", False),
        ("https://10.1.2.3/cb", False),
        ("https://[2001:db8::1]/cb", False),
        ("https://tax.example/a%20b", False),
        ("http://localhost:8001/cb", False),
        ("http://127.0.0.1:8001/cb", False),
        ("http://[::1]/cb", False),
        ("http://127.0.0.1/cb", True),
        ("com.example.app:/cb", True),
        ("com.example.app://cb/done", True),
        ("https://app.example/cb", True),
    ],
)
def test_may_be_registered(uri, native):
    check_redirect_uri(uri, native=native)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://tax.example/cb", "redirect_http"),
        ("http://127.0.0.2/cb", "redirect_http"),
        ("https://tax.example/cb#x", "redirect_fragment"),
        ("https://tax.example/cb#", "redirect_fragment"),
        ("https://user@tax.example/cb", "redirect_userinfo"),
        ("https:///cb", "redirect_host"),
        ("https:tax.example/cb", "redirect_host"),
        ("https://:443/cb", "redirect_host"),
        ("https://tax.example:/cb", "redirect_port"),
        ("https://tax.example:0/cb", "redirect_port"),
        ("https://tax.example:65536/cb", "redirect_port"),
        ("https://tax.example:080/cb", "redirect_port"),
        ("https://tax..example/cb", "redirect_host"),
        ("https://tax.example./cb", "redirect_host"),
        ("https://-tax.example/cb", "redirect_host"),
        ("https://[::1/cb", "redirect_authority"),
        ("https://[2001:DB8::1]/cb", "redirect_upper_case"),
        ("https://[2001:db8:0::1]/cb", "redirect_host"),
        ("https://[fe80::1%25eth0]/cb", "redirect_host"),
        ("HTTPS://tax.example/cb", "redirect_upper_case"),
        ("https://Tax.example/cb", "redirect_upper_case"),
        ("//tax.example/cb", "redirect_not_absolute"),
        ("/cb", "redirect_not_absolute"),
        ("", "redirect_characters"),
        ("https://tax.example/%", "redirect_characters"),
        ("https://tax.example/%zz", "redirect_characters"),
        ("https://tax.example/" + "a" * 2000, "redirect_too_long"),
        ("com.example.app:/cb", "redirect_scheme"),
    ],
)
def test_may_not_be_registered(uri, reason):
    with pytest.raises(ClientError) as refused:
        check_redirect_uri(uri, native=False)
    assert refused.value.code == "invalid_redirect_uri"
    assert refused.value.reason == reason


@pytest.mark.parametrize("uri", ["myapp:/cb", "myapp://cb", "com.example.app:cb", "com.example.app:", "com.:/cb"])
def test_private_use_schemes_are_reversed_domain_names_with_a_path(uri):
    with pytest.raises(ClientError):
        check_redirect_uri(uri, native=True)


def test_a_list_holds_each_once_and_at_most_a_hundred():
    with pytest.raises(ClientError, match="invalid_redirect_uri"):
        check_redirect_uris(["https://tax.example/cb"] * 2, native=False)
    many = [f"https://tax.example/{n}" for n in range(101)]
    with pytest.raises(ClientError, match="invalid_redirect_uri"):
        check_redirect_uris(many, native=False)
    assert len(check_redirect_uris(many[:100], native=False)) == 100


NATIVE = make_client(
    application_type="native", redirect_uris=("http://127.0.0.1/cb?x=1", "http://[::1]:7000/cb", "com.example.app:/cb")
)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://127.0.0.1/cb?x=1", True),
        ("http://127.0.0.1:51234/cb?x=1", True),
        ("http://[::1]/cb", True),
        ("http://[::1]:65535/cb", True),
        ("com.example.app:/cb", True),
        ("http://127.0.0.1:65536/cb?x=1", False),
        ("http://127.0.0.1:0/cb?x=1", False),
        ("http://127.0.0.1:/cb?x=1", False),
        ("http://127.0.0.1:99/cb", False),
        ("http://127.0.0.1:99/cb?x=2", False),
        ("http://127.0.0.1:99/cb?x=1\n", False),
        ("http://127.0.0.2:99/cb?x=1", False),
        ("http://localhost:99/cb?x=1", False),
        ("https://127.0.0.1:99/cb?x=1", False),
        ("http://127.0.0.1:99@evil.example/cb?x=1", False),
        ("com.example.app:/cb2", False),
    ],
)
def test_native_client_varies_the_port_of_a_loopback_literal_only(uri, expected):
    assert match(NATIVE, uri) is expected


def test_port_freedom_needs_a_registered_literal():
    client = make_client(application_type="native", redirect_uris=("http://localhost:7000/cb",))
    assert match(client, "http://localhost:7000/cb")
    assert not match(client, "http://localhost:7001/cb")


def test_post_logout_is_exact_even_for_native_clients():
    client = make_client(application_type="native", post_logout_redirect_uris=("http://127.0.0.1:7000/bye",))
    assert match_post_logout(client, "http://127.0.0.1:7000/bye")
    assert not match_post_logout(client, "http://127.0.0.1:7001/bye")


def test_origins_are_written_as_browsers_write_them():
    uris = ("https://tax.example:443/a", "https://tax.example/b", "http://localhost:8001/cb", "com.example.app:/cb")
    assert web_origins(make_client(redirect_uris=uris)) == ("https://tax.example", "http://localhost:8001")


@pytest.mark.parametrize(
    ("received", "word"),
    [
        ("https://tax.example:8443/cb", Difference.NONE),
        ("https://tax.example:8443/cb/", Difference.TRAILING_SLASH),
        ("https://tax.example:8443/CB", Difference.CASE),
        ("http://tax.example:8443/cb", Difference.SCHEME),
        ("https://tax.example/cb", Difference.PORT),
        ("https://tax.example:8443/other", Difference.PATH),
        ("https://tax.example:8443/cb?a=b", Difference.QUERY),
        ("https://tax.example:8443/cb#x", Difference.FRAGMENT),
        ("https://tax.test:8443/cb", Difference.HOST),
        ("http://tax.test:8443/cb", Difference.OTHER),
        ("not a uri\x00", Difference.OTHER),
    ],
)
def test_difference_in_one_word(received, word):
    assert difference(received, "https://tax.example:8443/cb") is word


def test_localhost_and_its_address_are_told_apart_by_name():
    assert difference("http://localhost/cb", "http://127.0.0.1/cb") is Difference.LOOPBACK_NAME


def test_nearest_registered_uri():
    registered = ["https://other.example/x", "https://tax.example/cb"]
    assert nearest("https://tax.example/cb/", registered) == "https://tax.example/cb"
    assert nearest("https://tax.example/cb/", []) is None


@pytest.mark.parametrize("word", list(Difference))
def test_every_difference_is_worded_in_both_languages(word):
    assert set(DIFFERENCE_TEXT[word]) == {"en", "zh"}
    assert all(DIFFERENCE_TEXT[word].values())
