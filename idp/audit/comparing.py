"""Facts of comparisons: a client asks whether a number that it has is the citizen's. They are of the vocabulary of ``audit.events``."""

from idp.audit.events import Fact


class ComparisonBounded(Fact, frozen=True, kw_only=True):
    """A client tried more numbers for one citizen in a day than it may: the verdicts on ``claims`` are left out. The numbers are nowhere."""

    KIND = "comparison.bounded"
    grant: str
    claims: tuple[str, ...]
