"""Architectures from configuration files: published counts, published caches, and sentences for bad files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.errors import InputError
from forkpoint.perf.config_json import of_config, read_config

CONFIGS = Path(__file__).parent / "data" / "configs"

PUBLISHED = {
    # billions of parameters as the models' own cards or papers state them
    "llama-3-8b": 8.03,
    "mistral-7b": 7.24,
    "qwen2.5-7b": 7.62,
    "qwen3-30b-a3b": 30.5,
    "mixtral-8x7b": 46.7,
    "deepseek-v3": 671.0,
    "deepseek-v2-lite": 15.7,
    "glm-4.5-air": 106.8,
    "chatglm3-6b": 6.24,
    "gemma-2-27b": 27.2,
    "gemma-3-27b": 27.0,
    "gpt2": 0.124,
    "gpt-neox-20b": 20.55,
    "falcon-7b": 6.92,
    "gpt-oss-20b": 20.9,
    "qwen3-next-80b": 79.7,
    "minimax-text-01": 456.0,
    "llama-4-scout": 107.8,
    "kimi-linear-48b": 49.1,
}


@pytest.mark.parametrize(("name", "billions"), PUBLISHED.items())
def test_parameters_equal_the_published_count_within_one_percent(name: str, billions: float) -> None:
    assert read_config(CONFIGS / f"{name}.json").parameters / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize(
    ("name", "kilobytes"),
    [("llama-3-8b", 128), ("deepseek-v3", 68.6), ("gpt-neox-20b", 1056), ("falcon-7b", 8), ("qwen3-30b-a3b", 96)],
)
def test_cache_of_a_token_equals_its_closed_form(name: str, kilobytes: float) -> None:
    # 2 x kv heads x head size x layers x 2 bytes; latent attention: (512 + 64) x 61 x 2 (arXiv 2412.19437)
    assert read_config(CONFIGS / f"{name}.json").kv_bytes_per_token() / 1024 == pytest.approx(kilobytes, rel=0.001)


def test_windows_and_states_bound_what_a_long_sequence_keeps() -> None:
    windowed = read_config(CONFIGS / "mistral-7b.json")
    assert windowed.kv_bytes(100_000) == windowed.kv_bytes(4096)
    hybrid = read_config(CONFIGS / "qwen3-next-80b.json")
    full = sum(m.layers for m in hybrid.mixers if m.kind == "softmax")
    assert full == 12
    assert hybrid.kv_bytes(0) > 0


def test_language_model_inside_a_multimodal_configuration() -> None:
    gemma = read_config(CONFIGS / "gemma-3-27b.json")
    assert [(m.layers, m.window) for m in gemma.mixers] == [(10, None), (52, 1024)]
    assert gemma.tied


def test_dense_layers_come_before_routed_ones() -> None:
    deepseek = read_config(CONFIGS / "deepseek-v3.json")
    assert deepseek.moe_layers == 58
    assert deepseek.active_parameters / 1e9 == pytest.approx(37.5, abs=0.6)


BASE = json.loads((CONFIGS / "llama-3-8b.json").read_text())
MOE = json.loads((CONFIGS / "mixtral-8x7b.json").read_text())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "expected an object of keys, got list"),
        ({}, "expected one of the keys num_hidden_layers"),
        ({**BASE, "hidden_size": "4096"}, "the key 'hidden_size' is '4096'; expected a whole number"),
        ({**BASE, "hidden_size": 40.5}, "expected a whole number"),
        ({**BASE, "hidden_size": float("nan")}, "expected a whole number"),
        ({**BASE, "hidden_size": float("inf")}, "expected a whole number"),
        ({**BASE, "num_hidden_layers": -3}, "expected between 0 and"),
        ({**BASE, "num_hidden_layers": 0}, "expected at least 1"),
        ({**BASE, "vocab_size": 1e30}, "expected between 0 and"),
        ({**BASE, "hidden_size": 4097}, "not a multiple of num_attention_heads 32"),
        ({**BASE, "num_key_value_heads": 5}, "32 heads (num_attention_heads) cannot share 5 key-value heads"),
        ({**BASE, "is_encoder_decoder": True}, "only decoders"),
        ({**BASE, "layer_types": ["full_attention"]}, "lists 1 layers"),
        ({**BASE, "layer_types": ["magic"] * 32}, "'magic'; expected one of"),
        ({**BASE, "layer_types": ["linear_attention"] * 32}, "no known keys say of what kind"),
        ({**MOE, "num_experts_per_tok": 9}, "visits 9 experts but there are only 8"),
        ({k: v for k, v in MOE.items() if k != "num_experts_per_tok"}, "8 experts but none of the keys"),
    ],
)
def test_a_bad_configuration_gets_a_sentence(content: object, words: str) -> None:
    with pytest.raises(InputError, match=r"^my\.json: ") as raised:
        of_config(content, "my.json")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "9" * 5000 + "]", "cannot be read"),
    ],
)
def test_a_malformed_file_gets_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_config(path)


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_config(tmp_path / "none.json")


KEYS = st.sampled_from(
    [*BASE, *MOE, "sliding_window", "kv_lora_rank", "layer_types", "attn_type_list", "n_routed_experts"]
)
NUMBERS = st.one_of(st.integers(-5, 10**9), st.floats())
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.lists(st.integers(), max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_configuration_causes_anything_but_an_answer_or_a_sentence(changes: dict[str, object]) -> None:
    try:
        architecture = of_config({**BASE, **changes}, "x")
    except InputError:
        return
    assert architecture.parameters > 0
