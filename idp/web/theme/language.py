"""Which language a page speaks: a pure choice among two."""

HANS = "zh-Hans"
ENGLISH = "en"
LANGUAGES = (HANS, ENGLISH)
_LOCALES = {HANS: "zh_Hans", ENGLISH: "en"}
_MOST_RANGES = 32


def locale_name(language: str) -> str:
    """Babel's name of one of the two languages (``zh_Hans``, ``en``)."""
    return _LOCALES.get(language, _LOCALES[HANS])


def choose_language(
    ui_locales: str | None = None,
    account: str | None = None,
    cookie: str | None = None,
    accept_language: str | None = None,
) -> str:
    """``zh-Hans`` or ``en``: the first wish that we can meet, in the order of the arguments; Chinese when nobody wishes.

    ``ui_locales`` is a space-separated list of language tags in order of preference (OpenID Connect Core §3.1.2.1); ``account`` and
    ``cookie`` hold one tag; ``accept_language`` is the header as received (RFC 9110 §12.5.4). Malformed input is passed over.
    """
    wishes = (ui_locales or "").split()[:_MOST_RANGES]
    wishes += [tag for tag in (account, cookie) if tag]
    wishes += _accepted(accept_language or "")
    return next((known for known in map(_known, wishes) if known), HANS)


def _known(tag: str) -> str | None:
    """Our language for a tag by its primary subtag (RFC 4647 §3.4 lookup): readers of traditional script get simplified."""
    primary = tag.strip().replace("_", "-").split("-")[0].lower()
    return {"zh": HANS, "cmn": HANS, "en": ENGLISH}.get(primary)


def _accepted(header: str) -> list[str]:
    """Language ranges by falling weight; ``q=0`` means not acceptable."""
    ranges: list[tuple[float, str]] = []
    for part in header.split(",")[:_MOST_RANGES]:
        tag, _, weight = part.strip().partition(";")
        quality = _quality(weight)
        if tag and quality > 0:
            ranges.append((quality, tag))
    return [tag for _, tag in sorted(ranges, key=lambda item: -item[0])]


def _quality(weight: str) -> float:
    """The value of ``q=…``; 1 when absent, 0 when malformed (RFC 9110 §12.4.2)."""
    name, _, number = weight.strip().partition("=")
    if not weight.strip():
        return 1.0
    whole, _, rest = number.strip().partition(".")
    if (
        name.strip().lower() != "q"
        or whole not in ("0", "1")
        or (rest and not (rest.isascii() and rest.isdigit()))
        or len(rest) > 3
    ):
        return 0.0
    return min(float(f"{whole}.{rest or 0}"), 1.0)
