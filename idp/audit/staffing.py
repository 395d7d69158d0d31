"""Facts about staff accounts that nobody caused by an act: they are found by looking. They are of the vocabulary of ``audit.events``."""

from idp.audit.events import Fact


class FactorMissing(Fact, frozen=True, kw_only=True):
    """A member of staff has had no second factor since ``since`` (microseconds UTC), over a day ago; told once a day. ``lacks``: second_factor."""

    KIND = "account.factor_missing"
    lacks: str
    since: int
    roles: str
