"""The report's words in English and Simplified Chinese: one file a language, the same keys in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from forkpoint.errors import UnknownName
from forkpoint.files import read_yaml

FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("en", "zh")


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


@cache
def words(language: str) -> Words:
    """The words of ``language`` ('en' or 'zh'). Raises UnknownName for another one."""
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    return Words(language, _flat(read_yaml(FOLDER / f"{language}.yaml")))


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat
