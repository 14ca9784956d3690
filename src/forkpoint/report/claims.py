"""The article's claims against the evidence: counts by verdict, the statements that do not stand, the causal links."""

from __future__ import annotations

from collections import Counter

from forkpoint.catalog import Claim
from forkpoint.report.content import Figure, Links, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, canvas, to_svg
from forkpoint.report.material import Material
from forkpoint.report.words import Words

VERDICTS = ("supported", "partly", "contradicted", "unverifiable", "opinion")
_COLOUR = {
    "supported": "free",
    "partly": "review",
    "contradicted": "licence",
    "unverifiable": "unknown",
    "opinion": "faint",
}


def claims_section(material: Material) -> Section:
    """The claims chapter: every number is counted from ``claims.csv``."""
    catalog, words = material.catalog, material.words
    statements = [c for c in catalog.claims if c.type != "causal"]
    links = [c for c in catalog.claims if c.type == "causal"]
    by_verdict: Counter[str] = Counter(c.verdict for c in statements)
    lead = words(
        "claims.lead",
        date=max(c.date_of_claim for c in statements),
        facts=len(statements),
        links=len(links),
        **{v: by_verdict[v] for v in VERDICTS},
    )
    disputed = [c for c in statements if c.verdict in ("partly", "contradicted") and c.better_value]
    others = [c for c in statements if c not in disputed]
    return Section(
        "claims",
        words("claims.title"),
        [
            Paragraph(lead, "lead"),
            _picture(statements, links, words),
            _statements(words("claims.table"), disputed, words),
            _statements(words("claims.others"), others, words, folded=True),
            _links(links, words),
            Paragraph(words("claims.note"), "note"),
        ],
        summary=[lead],
    )


def _picture(statements: list[Claim], links: list[Claim], words: Words) -> Figure:
    with canvas(8, 2.4) as (figure, axes):
        for row, group in enumerate((links, statements)):
            start = 0
            counts: Counter[str] = Counter(c.verdict for c in group)
            for verdict in VERDICTS:
                count = counts[verdict]
                label = words.term("verdict", verdict) if row else None
                axes.barh(row, count, left=start, color=COLOURS[_COLOUR[verdict]], height=0.6, label=label)
                if count:
                    axes.text(start + count / 2, row, str(count), ha="center", va="center", fontsize=8)
                start += count
        axes.set_yticks([0, 1], [words("claims.links_short"), words("claims.statements_short")])
        axes.set_xlabel(words("claims.number"))
        axes.grid(axis="y", visible=False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.3), ncols=len(VERDICTS), fontsize=8)
        return Figure(to_svg(figure, words("claims.picture_alt")), words("claims.picture"), words("claims.picture_alt"))


def _statements(caption: str, claims: list[Claim], words: Words, *, folded: bool = False) -> Table:
    rows = [
        {
            "no": c.claim_id,
            "paragraph": c.paragraph_no,
            "statement": words("told", who=said["subject"], what=said["predicate"]),
            "said": " ".join(p for p in (said["value"], words.term("unit", c.unit or "")) if p),
            "better": said["better_value"],
            "verdict": words.term("verdict", c.verdict),
            "source": Links(c.evidence_urls),
        }
        for c in claims
        for said in [words.claim(c)]
    ]
    keys = ("no", "paragraph", "statement", "said", "better", "verdict", "source")
    return Table(caption, {k: words(f"claims.{k}") for k in keys}, rows, folded=folded)


def _links(links: list[Claim], words: Words) -> Table:
    rows = [
        {
            "no": c.claim_id,
            "link": f"{said['cause']} → {said['effect']}",
            "sign": c.sign,
            "delay": said["delay"],
            "loop": _loop(c.loop or "", words),
            "verdict": words.term("verdict", c.verdict),
            "better": said["better_value"],
            "source": Links(c.evidence_urls),
        }
        for c in links
        for said in [words.claim(c)]
    ]
    keys = ("no", "link", "sign", "delay", "loop", "verdict", "better", "source")
    return Table(words("claims.links"), {k: words(f"claims.{k}") for k in keys}, rows)


def _loop(text: str, words: Words) -> str:
    """ "R1 forced self-reliance" with the loop's title in the report's language."""
    name = text.split(" ")[0]
    return f"{name} {words.term('loop', name)}" if f"loop.{name}" in words.texts else text
