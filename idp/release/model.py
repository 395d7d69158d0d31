"""The words of release: what the catalogues say, what was asked, and the plan that says what may be told and why.

All values; nothing here reads a store. Texts for people are ``{"zh": …, "en": …}``.
"""

from typing import Literal

import msgspec

Texts = dict[str, str]
Basis = Literal["consent", "statutory"]
STANDARD_LOGIN = "standard-login"
"""Code of the built-in item behind the four standard scopes: no row, version 1, granted by the client's registered scope."""
SERVICE_SCOPE = "service:"
"""A scope ``service:<code>`` asks for the service item ``<code>``."""
RAR_TYPE = "service_item"
"""The ``type`` of an authorization detail (RFC 9396 §2) that asks for one: members ``item`` and, optionally, ``attributes``."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the values of this room."""


class AttributeKind(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One data element about a citizen.

    ``code`` its key in the vault; ``claim`` its name in answers; ``rule`` names its check in ``release.validators``; ``of`` the attributes that
    a minimising one is computed from (never stored itself), e.g. ``age_over_18`` of ``birthdate``.
    """

    code: str
    claim: str
    type: Literal["string", "date", "boolean", "integer", "object"] = "string"
    sensitive: bool = False
    source: str = "self"
    names: Texts
    explanations: Texts = {}
    rule: str | None = None
    of: tuple[str, ...] = ()


class Need(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One attribute that a service item needs. ``citation`` of the law where the basis is statutory."""

    attribute: str
    essential: bool = False
    basis: Basis = "consent"
    citation: Texts = {}


class ServiceItem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A public service 事项 as published. ``retention_days``: how long the department keeps what it learns."""

    code: str
    version: int
    department_id: str
    titles: Texts
    purposes: Texts
    needs: tuple[Need, ...]
    retention_days: int


class AskedItem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One service item in a request. ``attributes``: just these of it; empty for all that it needs."""

    code: str
    attributes: tuple[str, ...] = ()


class Asked(Value, frozen=True, kw_only=True, omit_defaults=True):
    """All that one request asks to know: service items, and the standard claims behind its scopes and ``claims``.

    ``verified``: claims that are asked for with who stands for them and since when; ``only_verified``: those of ``claims`` that are not asked for
    otherwise. ``compared``: claims that a number is brought along for.
    """

    items: tuple[AskedItem, ...] = ()
    claims: tuple[str, ...] = ()
    verified: frozenset[str] = frozenset()
    only_verified: frozenset[str] = frozenset()
    compared: frozenset[str] = frozenset()


class Held(Value, frozen=True, kw_only=True, omit_defaults=True):
    """That a value is there, without the value. ``updated_at`` microseconds."""

    source: str = ""
    updated_at: int = 0


KeyState = Literal["usable", "no_client_key", "key_held"]


class ClientFacts(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What of a client decides. ``claims``: standard claims that it is registered for; ``key``: whether an answer can be encrypted to it (DESIGN
    §7: sensitive attributes only so); ``all_sensitive``: the house encrypts everything."""

    department_id: str
    claims: frozenset[str] = frozenset()
    key: KeyState = "no_client_key"
    all_sensitive: bool = False


class Line(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One attribute of a release plan.

    ``outcome``: ``release``, or ``withhold`` with ``reason`` (item_unknown, item_not_approved, foreign_item, not_in_item, attribute_unknown,
    not_registered, nothing_to_compare, no_value, not_confirmed, not_chosen, no_client_key, key_held; before any plan not_asked, not_offered,
    verification_unknown). ``source`` and ``updated_at`` of the value, where there is one.
    ``of``: what a minimising attribute is computed from. ``verified``: whether it is asked for as verified too, or only so. Of an item that can't be
    used there is one line, without attribute.
    """

    attribute: str
    claim: str
    item: str
    item_version: int = 1
    essential: bool = False
    basis: Basis = "consent"
    citation: Texts = {}
    sensitive: bool = False
    outcome: Literal["release", "withhold"] = "release"
    reason: str = ""
    source: str = ""
    updated_at: int = 0
    of: tuple[str, ...] = ()
    verified: Literal["", "also", "only"] = ""


class Plan(Value, frozen=True, kw_only=True, omit_defaults=True):
    """requested ∩ approved ∩ known ∩ chosen. ``refusal``: why the request as a whole can't be met: an item that can't be used, or an essential
    attribute that is withheld for a reason that the client can mend. That a value is not known never refuses: the citizen is told, the service
    goes without."""

    lines: tuple[Line, ...]
    refusal: str = ""

    @property
    def released(self) -> tuple[Line, ...]:
        """The lines that may be told."""
        return tuple(line for line in self.lines if line.outcome == "release")


class AllowedItem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What a citizen allowed, or the law orders, of one item at one version: attribute codes."""

    code: str
    version: int
    attributes: tuple[str, ...]


class Allowed(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What a grant keeps in its column ``plan``. ``until`` (microseconds): a dated consent, after which nothing is told; ``once``: for this
    authorization alone, which gets no refresh token."""

    items: tuple[AllowedItem, ...] = ()
    until: int | None = None
    once: bool = False
