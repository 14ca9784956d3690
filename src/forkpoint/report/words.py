"""The report's words in English and Simplified Chinese: the same files and keys in both, and the rows that have both.

``texts/en.yaml`` and ``texts/en.*.yaml`` hold the words; ``claims_zh.csv``, ``events_zh.csv``, ``traps_zh.csv`` and
``variables_zh.csv`` the Chinese of claims, events, traps of definition and the model's variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from forkpoint.catalog import Claim, Event, read_rows
from forkpoint.errors import UnknownName
from forkpoint.files import read_yaml

FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("en", "zh")
CLAIM_COLUMNS = ("subject", "predicate", "value", "better_value", "cause", "effect", "delay")
"""What people read of a claim: the columns of ``claims_zh.csv`` after the id."""


@dataclass(frozen=True)
class Words:
    """The words of one language by key; ``words("key", name=value)`` fills in values."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of ``key`` with ``values`` filled in. Raises UnknownName for a missing key."""
        if key not in self.texts:
            raise UnknownName("text", key, self.texts, where=f"report texts '{self.language}'")
        return self.texts[key].format(**values)

    def term(self, kind: str, value: str) -> str:
        """A vocabulary value (a verdict, a licence status) as words; the value itself where it has none."""
        return self.texts.get(f"{kind}.{value}", value)

    def list(self, parts: Iterable[str]) -> str:
        """Parts joined as the language joins them."""
        return self.texts["list_sign"].join(parts)

    def claim(self, claim: Claim) -> dict[str, str]:
        """The parts of a claim that people read, in the language where they are translated."""
        own = {k: str(getattr(claim, k) or "") for k in CLAIM_COLUMNS}
        return own | {k: v for k, v in _rows(self.language, "claims").get(claim.claim_id, {}).items() if v and k in own}

    def event(self, event: Event) -> str:
        """An event's title in the language where it is translated."""
        return _rows(self.language, "events").get(event.event_id, {}).get("title") or event.title

    def trap(self, observable: str, text: str) -> str:
        """An observed series' trap of definition, in the language where it is translated."""
        return _rows(self.language, "traps").get(observable, {}).get("trap") or text

    def variable(self, name: str) -> str:
        """A variable of the model as words, in the language where it is translated."""
        return _rows(self.language, "variables").get(name, {}).get("name") or name.replace("_", " ")


@cache
def _rows(language: str, name: str) -> dict[str, dict[str, str]]:
    """Translated rows of ``name`` by id; none for a language that has no such file."""
    path = FOLDER / f"{name}_{language}.csv"
    columns = {
        "claims": ("claim_id", *CLAIM_COLUMNS), "events": ("event_id", "title"), "traps": ("id", "trap"),
        "variables": ("variable", "name"),
    }[name]  # fmt: skip
    if not path.exists():
        return {}
    return {str(r[columns[0]]): {k: str(r[k] or "") for k in columns} for r in read_rows(path, columns)}


@cache
def words(language: str) -> Words:
    """The words of ``language`` ('en' or 'zh'). Raises UnknownName for another one."""
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    files = [FOLDER / f"{language}.yaml", *sorted(FOLDER.glob(f"{language}.*.yaml"))]
    texts: dict[str, str] = {}
    for path in files:
        texts |= _flat(read_yaml(path))
    return Words(language, texts)


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat
