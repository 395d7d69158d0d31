"""Facts of staff who look for somebody: by address, by identifier; and what they keep. They are of the vocabulary of ``audit.events``."""

from idp.audit.events import Fact


class AddressSearched(Fact, frozen=True, kw_only=True):
    """Staff searched the log by a network address, which is not told. ``how``: typed, or event (the address of the event ``event``); ``size``:
    exact, near or wide."""

    KIND = "search.address"
    how: str
    size: str
    event: str = ""


class PersonSearched(Fact, frozen=True, kw_only=True):
    """Staff looked up a person by an identifier, which is not told. ``by`` its kind: username, email, phone, or other; ``reason`` a stable word."""

    KIND = "search.person"
    by: str
    reason: str
    found: bool


class SearchKept(Fact, frozen=True, kw_only=True):
    """Staff kept a search (``state`` kept or shared) or removed it (removed); ``search`` the names of its conditions."""

    KIND = "search.kept"
    saved: str
    state: str
    search: tuple[str, ...] = ()
