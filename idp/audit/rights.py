"""Facts of the citizen's own rights: objections, copies, corrections, erasure. They are of the vocabulary of ``audit.events``."""

from idp.audit.events import Fact


class ObjectionOpened(Fact, frozen=True, kw_only=True):
    """A citizen said *this was not me* (``word`` not_me) or *I object* about the event ``event``."""

    KIND = "objection.opened"
    objection: str
    event: str
    word: str


class ObjectionRead(Fact, frozen=True, kw_only=True):
    """Security staff read a citizen's words in a case."""

    KIND = "objection.read"
    objection: str
    by: str


class ObjectionClosed(Fact, frozen=True, kw_only=True):
    """Security staff closed a case. ``outcome``: upheld, explained or unfounded."""

    KIND = "objection.closed"
    objection: str
    outcome: str
    by: str


class CopyTaken(Fact, frozen=True, kw_only=True):
    """A citizen took a copy. ``what``: history or everything; ``form``: json, csv or html."""

    KIND = "account.copy_taken"
    PERSONAL = ("address",)
    what: str
    form: str


class AttributeCorrected(Fact, frozen=True, kw_only=True):
    """A citizen changed (``how`` set) or took back (``how`` removed) what they say of themselves: ``attribute`` is its code."""

    KIND = "account.attribute_corrected"
    PERSONAL = ("address",)
    attribute: str
    how: str


class ContactChanged(Fact, frozen=True, kw_only=True):
    """A citizen's e-mail address or phone number (``channel``) was added, confirmed, replaced or removed (``how``); what is new was confirmed by a
    code, or (``by`` cli) by an office that knows who they are, for a ``reason``."""

    KIND = "account.contact_changed"
    PERSONAL = ("address",)
    channel: str
    how: str
    by: str = ""
    reason: str = ""


class ErasureAsked(Fact, frozen=True, kw_only=True):
    """A citizen asked to be forgotten; nothing is destroyed before ``due`` (microseconds UTC)."""

    KIND = "erasure.asked"
    PERSONAL = ("address",)
    due: int


class ErasureCancelled(Fact, frozen=True, kw_only=True):
    """The citizen signed in while the erasure waited: it is off."""

    KIND = "erasure.cancelled"


class AccountErased(Fact, frozen=True, kw_only=True):
    """An account was erased: its key is destroyed. ``how``: asked, order or restored; ``reason`` a stable word for orders."""

    KIND = "account.erased"
    how: str
    reason: str = ""


class ExchangeDecided(Fact, frozen=True, kw_only=True):
    """An exchange of identifiers became ``state``: proposed, approved or ended. ``client_id`` may ask, ``to_client`` may read."""

    KIND = "exchange.decided"
    to_client: str
    exchange: str
    state: str
    by: str


class IdentifierExchanged(Fact, frozen=True, kw_only=True):
    """A client got an identifier of the citizen that ``to_client`` alone can read."""

    KIND = "identifier.exchanged"
    to_client: str
    exchange: str
    grant: str
