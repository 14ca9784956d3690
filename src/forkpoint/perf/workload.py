"""What a language model asks of a chip: parameters, matrix shapes, FLOPs, cache bytes.

An ``Architecture`` is a stack of token mixers (attention of some kind) and feed-forward blocks. Everything else is
arithmetic on it: each weight matrix is listed once, with its shape and how many tokens pass through it, and the
counts of parameters, FLOPs and bytes are sums over that list. FLOPs count a multiply-add as two.

References: Korthikanti et al. 2022 (arXiv 2205.05198), appendix A; Narayanan et al. 2021 (arXiv 2104.04473), eq. 3;
DeepSeek-V2 (arXiv 2405.04434), section 2.1 for multi-head latent attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

MixerKind = Literal["softmax", "latent", "linear"]
Split = Literal["column", "row", "whole"]


class MatMul(NamedTuple):
    """One weight matrix of the model: ``tokens x k`` times ``k x n``, in ``layers`` layers.

    ``experts`` matrices of this shape exist in each layer and a token visits ``topk`` of them. ``split`` says how
    tensor parallelism cuts it: by columns (n/t), by rows (k/t) or not at all. ``part`` is "attention", "ffn",
    "experts" or "logits".
    """

    name: str
    k: float
    n: float
    layers: float
    split: Split
    part: str
    experts: int = 1
    topk: float = 1.0

    @property
    def parameters(self) -> float:
        """Weights of this matrix in the whole model, all experts."""
        return self.k * self.n * self.layers * self.experts

    @property
    def active_parameters(self) -> float:
        """Weights that one token passes through."""
        return self.k * self.n * self.layers * self.topk


@dataclass(frozen=True, slots=True)
class Mixer:
    """Token mixing in ``layers`` of the model's layers.

    ``softmax``: multi-head, grouped-query or multi-query attention (``kv_heads``), over a ``window`` where it slides;
    ``chunked`` starts afresh every ``window`` positions instead (Llama 4: half a window of keys on average).
    ``latent``: multi-head latent attention with ranks ``kv_rank`` and ``q_rank`` and a shared rotary part of ``rope``.
    ``linear``: recurrent mixers (lightning, gated delta, KDA, Mamba2) that keep a state of ``state`` numbers a
    layer instead of a cache; ``projections`` are their input and output matrices as (k, n) pairs.
    ``gate`` is the width of an output gate on softmax attention; ``index`` is the number of keys that a sparse
    indexer lets through (DSA), None for all; ``key_shared`` says that one head serves as key and value.
    """

    layers: float
    kind: MixerKind = "softmax"
    heads: int = 1
    kv_heads: int = 1
    head_dim: float = 128
    v_dim: float = 128
    window: int | None = None
    chunked: bool = False
    kv_rank: int = 0
    q_rank: int = 0
    rope: int = 0
    gate: float = 0
    index: int | None = None
    index_width: int = 0
    key_shared: bool = False
    o_rank: int = 0
    state: float = 0
    projections: tuple[tuple[float, float], ...] = ()

    def matmuls(self, hidden: int) -> Iterator[MatMul]:
        """The weight matrices of these layers."""
        h, n = hidden, self.layers
        if self.kind == "linear":
            for i, (k, m) in enumerate(self.projections):
                yield MatMul(f"mixer {i + 1}", k, m, n, "column" if k == h else "row", "attention")
            return
        q_width = self.heads * self.head_dim
        if self.q_rank:
            yield MatMul("query down", h, self.q_rank, n, "whole", "attention")
            yield MatMul("query up", self.q_rank, q_width, n, "column", "attention")
        if self.kind == "latent":
            if not self.q_rank:
                yield MatMul("query", h, q_width, n, "column", "attention")
            nope = self.head_dim - self.rope
            yield MatMul("latent down", h, self.kv_rank + self.rope, n, "whole", "attention")
            yield MatMul("latent up", self.kv_rank, self.heads * (nope + self.v_dim), n, "column", "attention")
        else:
            kv = self.kv_heads * (self.head_dim if self.key_shared else self.head_dim + self.v_dim)
            yield MatMul("qkv", h, (0 if self.q_rank else q_width) + kv + self.gate, n, "column", "attention")
        if self.index_width:
            yield MatMul("indexer", self.q_rank or h, self.index_width, n, "whole", "attention")
        if self.o_rank:
            yield MatMul("output down", self.heads * self.v_dim / 16, self.o_rank * 16, n, "row", "attention")
            yield MatMul("output", self.o_rank * 16, h, n, "row", "attention")
        else:
            yield MatMul("output", self.heads * self.v_dim, h, n, "row", "attention")

    def reach(self, context: Any) -> Any:
        """Most positions that a query at length ``context`` can attend to (a number or an array)."""
        limit = min(x for x in (self.window, self.index, 1 << 60) if x)
        return context if limit >= 1 << 60 else _smaller(context, float(limit))

    def keys(self, context: Any) -> Any:
        """Cached positions that a query at length ``context`` attends to; in chunks, on average beyond the first."""
        if not self.chunked or self.window is None:
            return self.reach(context)
        return context - (context > self.window) * (context - self.window / 2.0)

    def causal_keys(self, sequence: Any) -> Any:
        """Positions that a query attends to on average over a sequence, the upper triangle left out."""
        reach = self.reach(sequence)
        return reach / 2.0 if self.chunked else reach - reach * reach / (2.0 * sequence)

    def cache_width(self) -> float:
        """Numbers cached per token and layer."""
        if self.kind == "linear":
            return 0.0
        if self.kind == "latent":
            return float(self.kv_rank + self.rope)
        return self.kv_heads * (self.head_dim if self.key_shared else self.head_dim + self.v_dim)

    def score_flops(self, queries: Any, keys: Any) -> Any:
        """FLOPs of scores and weighted values in all these layers: 2 x queries x keys x heads x (d_k + d_v)."""
        if self.kind == "linear":
            return 4.0 * queries * self.state * self.layers
        return 2.0 * queries * keys * self.heads * (self.head_dim + self.v_dim) * self.layers


@dataclass(frozen=True, slots=True)
class FeedForward:
    """Feed-forward blocks in ``layers`` of the model's layers: dense (``width``) or a mixture of ``experts``.

    ``shared_width`` is the summed width of the experts that every token visits; ``latent`` the width to which routed
    experts are projected first (0: none). ``unfused`` experts add biases and clamp their activations, for which the
    grouped kernels of other models have no fused form.
    """

    layers: float
    width: float = 0
    gated: bool = True
    experts: int = 0
    topk: float = 0
    shared_width: float = 0
    latent: int = 0
    unfused: bool = False

    def matmuls(self, hidden: int) -> Iterator[MatMul]:
        """The weight matrices of these layers."""
        h, n, ins = hidden, self.layers, 2 if self.gated else 1
        if not self.experts:
            yield MatMul("up", h, ins * self.width, n, "column", "ffn")
            yield MatMul("down", self.width, h, n, "row", "ffn")
            return
        inner = self.latent or h
        yield MatMul("router", h, self.experts, n, "whole", "ffn")
        if self.latent:
            yield MatMul("latent in", h, inner, n, "whole", "ffn")
            yield MatMul("latent out", inner, h, n, "whole", "ffn")
        yield MatMul("expert up", inner, ins * self.width, n, "column", "experts", self.experts, self.topk)
        yield MatMul("expert down", self.width, inner, n, "row", "experts", self.experts, self.topk)
        if self.shared_width:
            yield MatMul("shared up", h, ins * self.shared_width, n, "column", "ffn")
            yield MatMul("shared down", self.shared_width, h, n, "row", "ffn")


@dataclass(frozen=True)
class Architecture:
    """A language model as a workload.

    ``layers`` is the depth that pipelines cut; ``tied`` says that input and output embeddings are one matrix;
    ``positions`` is the length of a learned position table (0: none).
    """

    name: str
    layers: int
    hidden: int
    vocab: int
    mixers: tuple[Mixer, ...]
    feed_forwards: tuple[FeedForward, ...]
    tied: bool = False
    positions: int = 0
    published_parameters: float | None = None
    published_active: float | None = None

    @cached_property
    def matmuls(self) -> tuple[MatMul, ...]:
        """Every weight matrix that tokens are multiplied with, the output projection last."""
        mixers = [m for mixer in self.mixers for m in mixer.matmuls(self.hidden)]
        blocks = [m for block in self.feed_forwards for m in block.matmuls(self.hidden)]
        return (*mixers, *blocks, MatMul("logits", self.hidden, self.vocab, 1, "column", "logits"))

    @cached_property
    def parameters(self) -> float:
        """All parameters: matrices, embeddings, position table and norm scales (biases are left out)."""
        return self._outside + sum(m.parameters for m in self.matmuls)

    @cached_property
    def active_parameters(self) -> float:
        """Parameters that a token uses, the embedding table included."""
        return self._outside + sum(m.active_parameters for m in self.matmuls)

    @cached_property
    def expert_parameters(self) -> float:
        """Parameters of the routed experts (those that expert parallelism spreads)."""
        return sum(m.parameters for m in self.matmuls if m.part == "experts")

    @cached_property
    def embedding_parameters(self) -> float:
        """Input embedding and position table, without the output projection."""
        return float((0 if self.tied else self.vocab) * self.hidden + self.positions * self.hidden)

    @property
    def _outside(self) -> float:
        return self.embedding_parameters + (2 * self.layers + 1) * self.hidden

    @property
    def is_moe(self) -> bool:
        """Whether any layer routes tokens to experts."""
        return any(f.experts for f in self.feed_forwards)

    @property
    def experts(self) -> int:
        """Routed experts a layer (0 when dense)."""
        return max((f.experts for f in self.feed_forwards), default=0)

    @property
    def topk(self) -> float:
        """Routed experts that a token visits in a layer (0 when dense)."""
        return max((f.topk for f in self.feed_forwards), default=0)

    @property
    def moe_layers(self) -> float:
        """Layers with routed experts."""
        return sum(f.layers for f in self.feed_forwards if f.experts)

    @property
    def moe_width(self) -> float:
        """Numbers a token carries to each expert (the hidden size, or the latent size where experts are projected)."""
        return max((f.latent or self.hidden for f in self.feed_forwards if f.experts), default=self.hidden)

    @property
    def heads(self) -> int:
        """Query heads of the widest attention."""
        return max((m.heads for m in self.mixers), default=1)

    @property
    def kv_heads(self) -> int:
        """Key-value heads over which a cache can be cut (1 for latent attention)."""
        return max((1 if m.kind == "latent" else m.kv_heads for m in self.mixers if m.kind != "linear"), default=1)

    def kv_numbers_per_token(self) -> float:
        """Numbers cached for one more token in all layers without a window."""
        return sum(m.cache_width() * m.layers for m in self.mixers)

    def kv_bytes_per_token(self, element: float = 2.0) -> float:
        """Bytes cached for one more token while no window is full; ``element`` bytes a number."""
        return element * self.kv_numbers_per_token()

    def kv_bytes(self, context: Any, element: float = 2.0) -> Any:
        """Bytes that one sequence of ``context`` tokens keeps: caches (windows capped) and recurrent states."""
        held: Any = 0.0
        for m in self.mixers:
            if m.kind == "linear":
                held = held + 4.0 * m.state * m.layers
            else:
                length = context if m.window is None else _smaller(context, float(m.window))
                held = held + element * m.cache_width() * m.layers * length
        return held

    def kv_bytes_read(self, context: Any, element: float = 2.0) -> Any:
        """Bytes of cache and state that one decode step of one sequence reads."""
        read: Any = 0.0
        for m in self.mixers:
            if m.kind == "linear":
                read = read + 8.0 * m.state * m.layers
            else:
                read = read + element * m.cache_width() * m.layers * m.keys(context)
        return read

    def matmul_flops_per_token(self, logits: bool = True) -> float:
        """Forward FLOPs of all weight matrices for one token: 2 x active weights."""
        return sum(2.0 * m.active_parameters for m in self.matmuls if logits or m.part != "logits")

    def attention_flops(self, sequence: Any, causal: bool = False) -> Any:
        """Forward FLOPs of attention scores for one whole sequence; ``causal`` skips the upper triangle."""
        flops: Any = 0.0
        for m in self.mixers:
            keys = m.causal_keys(sequence) if causal and m.kind != "linear" else m.reach(sequence)
            flops = flops + m.score_flops(sequence, keys)
        return flops

    def decode_attention_flops(self, context: Any) -> Any:
        """Attention FLOPs of one new token at ``context``; latent attention works in its compressed space."""
        flops: Any = 0.0
        for m in self.mixers:
            if m.kind == "latent":
                flops = flops + 2.0 * m.heads * (2 * m.kv_rank + m.rope) * m.layers * m.keys(context)
            else:
                flops = flops + m.score_flops(1.0, m.keys(context))
        return flops

    def forward_flops(self, sequence: Any, causal: bool = False) -> Any:
        """Forward FLOPs of one sequence of ``sequence`` tokens, output projection included."""
        return sequence * self.matmul_flops_per_token() + self.attention_flops(sequence, causal)

    def with_layers(self, layers: int) -> Architecture:
        """The same blocks at another depth."""
        ratio = layers / self.layers
        return replace(
            self,
            layers=layers,
            mixers=tuple(replace(m, layers=m.layers * ratio) for m in self.mixers),
            feed_forwards=tuple(replace(f, layers=f.layers * ratio) for f in self.feed_forwards),
        )


def _smaller(value: Any, limit: float) -> Any:
    """The smaller of a number or array and a limit."""
    if isinstance(value, int | float):
        return min(value, limit)
    import numpy as np

    return np.minimum(value, limit)
