"""How many guesses a password takes, by zxcvbn's matchers and its sum, as far as the verdict needs it: so the work has a bound for every input.

zxcvbn adds 10⁴ for each further piece that a guesser puts together (Wheeler, USENIX Security 2016, §4.4): three pieces are 10⁸ guesses whatever they
are, which is its score 3. What is weaker is one piece or two, so only those that begin or end the password are looked for. Its own search finds all
of them, and spells the whole password anew for each set of characters that could stand for letters: hundreds of times for some of 72 characters.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

SAFE: Final = 1e8 + 6
"""What three pieces take at least: zxcvbn's score 3."""
_FURTHER: Final = 1e4
"""What a second piece adds."""
_TURNS: Final = 10
"""A way over the keyboard with so many turns takes more than :data:`SAFE`."""
_LONGEST_DATE: Final = 10
_GREEDY = re.compile(r"(.+)\1+")
_LAZY = re.compile(r"(.+?)\1+")
_WHOLE = re.compile(r"^(.+?)\1+$")

Match = dict[str, Any]


class Lexicon:
    """Words by rank, sorted under their length, so that the ones that a token spells are found letter by letter."""

    def __init__(self, *ranked: Mapping[str, int]) -> None:
        self._ranked = ranked
        self._sorted: dict[int, list[str]] = {}
        for word in sorted(set().union(*ranked)):
            self._sorted.setdefault(len(word), []).append(word)

    @property
    def lengths(self) -> Iterable[int]:
        return self._sorted.keys()

    def rank(self, word: str) -> int | None:
        """The best of the word's ranks."""
        return min((ranks[word] for ranks in self._ranked if word in ranks), default=None)

    def spelled(self, token: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The words that ``token`` is in whole, and for what letter a character stands in them. More ways are seen than zxcvbn's own, which lets one
        character stand for one letter throughout the password."""
        words = self._sorted.get(len(token), [])
        heads: list[tuple[str, int, dict[str, str]]] = [("", 0, {})]
        for char in token:
            heads = [longer for head in heads for longer in _longer(words, head, char)]
        return ((word, subs) for word, _, subs in heads)


def _longer(
    words: list[str], head: tuple[str, int, dict[str, str]], char: str
) -> Iterator[tuple[str, int, dict[str, str]]]:
    begun, first, subs = head
    for letter in (char, *_letters().get(char, ())):
        word = begun + letter
        at = bisect_left(words, word, first)
        if at < len(words) and words[at].startswith(word):
            yield word, at, subs if letter == char else {**subs, char: letter}


def score(text: str, words: Iterable[str]) -> int:
    """zxcvbn's score with 3 for both of its highest. ``words``: what the guesser tries first, the likeliest first."""
    from zxcvbn import (
        matching,
        time_estimates,
    )  # its word lists are loaded with the first new password, not with every process

    own = Lexicon(matching.build_ranked_dict([word.lower() for word in words]))
    return int(time_estimates.guesses_to_score(guesses(text, (_common(), own))))


def guesses(text: str, lexicons: tuple[Lexicon, ...]) -> float:
    """Of one piece or of two; :data:`SAFE` where it takes more."""
    from zxcvbn import scoring

    size = len(text)
    begins = [_unknown(length) for length in range(size + 1)]
    ends = begins[::-1]
    for match in _pieces(text, lexicons):
        least = float(scoring.estimate_guesses(match, text))
        if match["i"] == 0:
            begins[match["j"] + 1] = min(least, begins[match["j"] + 1])
        if match["j"] == size - 1:
            ends[match["i"]] = min(least, ends[match["i"]])
    two = (2 * begins[at] * ends[at] + _FURTHER for at in range(1, size))
    return min(SAFE, begins[size], *two)


def _unknown(length: int) -> float:
    return 11.0 if length == 1 else 10.0**length


def _pieces(text: str, lexicons: tuple[Lexicon, ...]) -> Iterator[Match]:
    from zxcvbn import matching

    size, tail = len(text), max(len(text) - _LONGEST_DATE, 0)
    ways = (way for way in matching.spatial_match(text) if way["turns"] < _TURNS)
    dates = matching.date_match(text[:_LONGEST_DATE])
    late = ({**date, "i": date["i"] + tail, "j": date["j"] + tail} for date in matching.date_match(text[tail:]))
    words = (match for lexicon in lexicons for match in _words(text, lexicon))
    for match in (*words, *ways, *matching.sequence_match(text), *matching.regex_match(text), *dates, *late):
        if match["i"] == 0 or match["j"] == size - 1:
            yield match
    yield from _repeats(text, lexicons)


def _words(text: str, lexicon: Lexicon) -> Iterator[Match]:
    size = len(text)
    lower = "".join(small if len(small := char.lower()) == 1 else char for char in text)
    for start, end in {
        place for length in lexicon.lengths if length <= size for place in ((0, length), (size - length, size))
    }:
        token, match = lower[start:end], {"pattern": "dictionary", "i": start, "j": end - 1, "token": text[start:end]}
        for word, subs in lexicon.spelled(token):
            yield {**match, "rank": lexicon.rank(word), "l33t": bool(subs), "sub": subs}
        if (rank := lexicon.rank(token[::-1])) is not None:
            yield {**match, "rank": rank, "reversed": True}


def _repeats(text: str, lexicons: tuple[Lexicon, ...]) -> Iterator[Match]:
    """As zxcvbn's, which measures what is repeated in the middle too."""
    at = 0
    while (greedy := _GREEDY.search(text, at)) and (lazy := _LAZY.search(text, at)):
        longer = len(greedy[0]) > len(lazy[0])
        found = greedy if longer else lazy
        whole = _WHOLE.search(found[0]) if longer else lazy
        base = whole[1] if whole else found[1]
        if found.start() == 0 or found.end() == len(text):
            yield {
                "pattern": "repeat",
                "i": found.start(),
                "j": found.end() - 1,
                "token": found[0],
                "base_guesses": int(guesses(base, lexicons)),
                "repeat_count": len(found[0]) // len(base),
            }
        at = found.end()


@cache
def _common() -> Lexicon:
    from zxcvbn import matching

    return Lexicon(*(matching.RANKED_DICTIONARIES[name] for name in matching.FREQUENCY_LISTS))


@cache
def _letters() -> Mapping[str, tuple[str, ...]]:
    from zxcvbn import matching

    table = matching.L33T_TABLE
    return {char: tuple(key for key in table if char in table[key]) for chars in table.values() for char in chars}
