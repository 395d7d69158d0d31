"""Names of citizens' data for staff: as the catalogue has them, without speaking to the reader as if the data were theirs."""

import re
from typing import Final

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from idp.parts import Parts
from idp.release.model import AttributeKind
from idp.web.pages.catalogue_words import spoken
from idp.web.wording import CLAIMS

OTHERS: Final[dict[str, LazyString]] = {
    "profile": _("Address of the profile page"),
    "website": _("Address of the website"),
    "updated_at": _("When the information last changed"),
    "email_verified": _("Whether the e-mail address is confirmed"),
    "phone_number_verified": _("Whether the phone number is confirmed"),
    "employer_code": _("The employer's credit code"),
    "national_id_matches": _("Whether the client's identity number is the citizen's"),
    "phone_number_matches": _("Whether the client's phone number is the citizen's"),
    "employer_code_matches": _("Whether the client's credit code is the employer's"),
}
"""Where the citizens' own pages say *you*."""
_AGE: Final = re.compile(r"age_over_([0-9]{1,3})")
_RESIDENT: Final = re.compile(r"resident_of_([0-9]{6})")


def data_words(parts: Parts, claim: str, lang: str) -> LazyString | str:
    """What a claim or attribute is called; empty for one that nobody knows."""
    if found := OTHERS.get(claim) or CLAIMS.get(claim):
        return found
    if age := _AGE.fullmatch(claim):
        return _("Whether %(age)s years old or older", age=age[1])
    if region := _RESIDENT.fullmatch(claim):
        return _("Whether registered in %(region)s", region=region[1])
    kind = parts.catalogue.kind(claim) or _by_claim(parts, claim)
    return spoken(kind.names, lang) if kind is not None else ""


def data_options(parts: Parts, lang: str) -> dict[str, LazyString | str]:
    """Claim → its name, of all that the catalogue stores and the standard knows."""
    stored = {kind.claim: spoken(kind.names, lang) or kind.claim for kind in parts.catalogue.all_kinds().values()}
    return {claim: OTHERS.get(claim, name) for claim, name in {**stored, **CLAIMS}.items()}


def _by_claim(parts: Parts, claim: str) -> AttributeKind | None:
    return next((kind for kind in parts.catalogue.all_kinds().values() if kind.claim == claim), None)
