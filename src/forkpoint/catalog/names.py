"""Names as people type them: ``H20``, ``h20 141gb``, ``昇腾910B``, ``RTX 4090D``.

A name is compared as the set of its words, case, punctuation and vendor words aside. An exact name or a documented
alias wins; otherwise every thing whose words contain all words of the name is a candidate.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

from forkpoint.errors import AmbiguousName, UnknownName

_NOISE = frozenset(
    {"the", "gpu", "gpus", "npu", "chip", "chips", "card", "cards", "graphics", "accelerator", "superchip"}
)
_NOISE |= {"tesla", "geforce", "instinct", "accelerators", "generation", "system", "tensor", "core"}
_WORD = re.compile(r"[0-9a-z.]+|[\u3400-\u9fff]+")
_JOINT = re.compile(r"(?<=\d)(?=gb\b)|(?<=[0-9a-z])(?=[\u3400-\u9fff])|(?<=[\u3400-\u9fff])(?=[0-9a-z])")


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a name, folded: case, width, punctuation and noise words do not count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    folded = re.sub(r"(\d+)\s*(gb|gib|g)\b", r"\1gb", re.sub(r"^\s*\d+\s*[x×]\s+", "", folded))
    if any("\u3400" <= c <= "\u9fff" for c in folded):
        folded = _JOINT.sub(" ", folded)
    return tuple(w for w in _WORD.findall(folded) if w not in _NOISE) or tuple(_WORD.findall(folded))


_SOCKET = re.compile(r"^sxm\d$")
_BUSINESS = re.compile("(科技|股份|信息|半导体|集成电路)$")


class NameIndex:
    """Finds the thing that a typed name means among things with several spellings each."""

    def __init__(
        self,
        kind: str,
        spellings: Mapping[str, Iterable[str]],
        aliases: Mapping[str, str],
        makers: Mapping[str, str] | None = None,
        traits: Mapping[str, str] | None = None,
    ) -> None:
        """``makers``: each key's vendor, which a person may put in front or leave out, but not mistake.

        ``traits``: words that are true of a key but do not name it, such as a chip's kind of memory.
        """
        self.kind = kind
        self._maker = {key: frozenset(_maker_words(m)) for key, m in (makers or {}).items()}
        self._makers = frozenset().union(*self._maker.values())
        self._initials = {pair for m in (makers or {}).values() for pair in pairwise(words(m)) if len(pair[0]) == 1}
        self._glued = sorted(filter(_is_chinese, self._makers), key=len, reverse=True)
        self._traits = {key: frozenset(words(t)) for key, t in (traits or {}).items()}
        self._every_trait = frozenset().union(*self._traits.values())
        self._spellings = {key: list(names) for key, names in spellings.items()}
        self._exact: dict[str, set[str]] = {}
        self._words: dict[str, set[str]] = {}
        for key, names in self._spellings.items():
            for name in names:
                self._exact.setdefault(self._compact(name), set()).add(key)
            own = {w for name in names for w in words(name)}
            joined = {self._compact(name) for name in names}
            self._words[key] = own | joined | _adjacent(self._spellings[key])
        self._alias_names = list(aliases)
        self._aliases = {self._compact(alias): target for alias, target in aliases.items() if target in self._spellings}

    def candidates(self, name: str) -> list[str]:
        """Every key that ``name`` could mean, in catalogue order; an alias does not narrow it."""
        wanted = self._typed(name)
        if not wanted:
            return []
        exact = self._exactly(name)
        if len(exact) == 1 and self._compact(name) not in self._aliases:
            return exact
        plain = [w for w in wanted if w not in self._makers] or wanted
        known = {key: own for key, own in self._words.items() if self._made_by(key, wanted)}
        matches = [key for key, own in known.items() if all(w in own for w in wanted)]
        if not matches:
            matches = [key for key, own in known.items() if all(w in own for w in plain)]
        if not matches and len(wanted) > 1:
            matches = [key for key, own in known.items() if any(own >= joined for joined in _joined(wanted))]
        if not matches and (name_alone := self._without_traits(wanted)):
            matches = [key for key in self.candidates(name_alone) if self._has_traits(key, wanted)]
        if not matches:
            matches = [key for key, own in known.items() if any(_starts(w, wanted) for w in own)]
        return matches

    def resolve(self, name: str) -> str:
        """The one key that ``name`` means. Raises UnknownName or AmbiguousName."""
        if name in self._spellings:
            return name
        alias = self._aliases.get(self._compact(name))
        if alias is not None and self._made_by(alias, self._typed(name)):
            return alias
        exact = self._exactly(name)
        if len(exact) == 1:
            return exact[0]
        found = self.candidates(name)
        if len(found) == 1:
            return found[0]
        if found:
            raise AmbiguousName(self.kind, name, found)
        raise UnknownName(self.kind, name, [*self.names(), *self._spellings])

    def knows(self, name: str) -> bool:
        """Whether ``name`` is a key, a whole spelling or a documented alias, not only part of one."""
        alias = self._aliases.get(self._compact(name))
        spelt = alias is not None and self._made_by(alias, self._typed(name))
        return spelt or name in self._spellings or len(self._exactly(name)) == 1

    def _exactly(self, name: str) -> list[str]:
        """The keys that a spelling names whole, the maker aside."""
        return [key for key in self._exact.get(self._compact(name), ()) if self._made_by(key, self._typed(name))]

    def _made_by(self, key: str, wanted: Sequence[str]) -> bool:
        """Whether no word of ``wanted`` names another maker than the key's own."""
        own = self._maker.get(key, frozenset()) | self._words[key]
        return all(w in own for w in wanted if w in self._makers)

    def _without_traits(self, wanted: Sequence[str]) -> str:
        """The words that name a thing, without those that are true of it (HBM3e, Hopper); '' where there are none."""
        named = [_SOCKET.sub("sxm", w) for w in wanted if w not in self._every_trait]
        return " ".join(named) if named != list(wanted) else ""

    def _has_traits(self, key: str, wanted: Iterable[str]) -> bool:
        return self._every_trait & set(wanted) <= self._traits[key] | self._words[key]

    def _compact(self, name: str) -> str:
        """All words as one, the maker left out where anything else remains."""
        found = self._typed(name)
        return "".join([w for w in found if w not in self._makers] or found)

    def _typed(self, name: str) -> tuple[str, ...]:
        """The words of a name, a Chinese maker written onto the product split off: 华为昇腾, 华为 昇腾."""
        found: list[str] = []
        for word in _without_initials(words(name), self._initials):
            glued = self._glued if _is_chinese(word) else ()
            maker = next((m for m in glued if word.startswith(m) and word != m), "")
            found += [maker, word.removeprefix(maker)] if maker else [word]
        return tuple(found)

    def names(self) -> list[str]:
        """What an unknown name is compared with: every spelling, whole and without maker and noise."""
        whole = [spelling for names in self._spellings.values() for spelling in names[1:]]
        idle = self._makers | _NOISE
        short = [" ".join(p for p in name.split("(")[0].split() if not set(words(p)) <= idle) for name in whole]
        return [*self._alias_names, *whole, *short, *(" ".join(name.split()[:2]) for name in short)]


def _is_chinese(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def _without_initials(found: Sequence[str], initials: Container[tuple[str, str]]) -> list[str]:
    """Words without the single letters that only begin a vendor's name: T-Head, d-Matrix."""
    return [w for w, after in zip(found, [*found[1:], ""], strict=False) if (w, after) not in initials]


def _maker_words(maker: str) -> set[str]:
    """The words that name a vendor, a Chinese company name also without its kind of business: 壁仞科技, 壁仞."""
    found = {w for w in words(maker) if len(w) > 1}
    return found | {short for w in found if len(short := _BUSINESS.sub("", w)) > 1}


def _joined(found: Sequence[str]) -> list[set[str]]:
    """The words with two neighbours written as one, in every way: 'Gaudi 3 PCIe' is 'Gaudi3 PCIe'."""
    return [{*found[:i], found[i] + found[i + 1], *found[i + 2 :]} for i in range(len(found) - 1)]


def _adjacent(names: Sequence[str]) -> set[str]:
    """Neighbouring words joined, so that 'rtx4090' and '4090d' find 'RTX 4090 D'."""
    return {"".join(pair) for name in names for pair in zip(words(name), words(name)[1:], strict=False)}


def _starts(word: str, wanted: Sequence[str]) -> bool:
    """Whether a word goes on from the only one wanted, past its number: MI300 to MI300X, never B20 to B200."""
    typed = wanted[0]
    if len(wanted) > 1 or len(typed) < 3 or not word.startswith(typed):
        return False
    return not (typed[-1].isdigit() and word[len(typed) :][:1].isdigit())
