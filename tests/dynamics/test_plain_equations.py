"""Equations as text: what a reader takes from the LaTeX and from the text is the same."""

import pytest

from forkpoint.dynamics.emit.plain import plain


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\text{china share} \, \text{other sales}", "china_share · other_sales"),
        (r"\frac{\text{a} + 1}{\text{b}}", "(a + 1) / b"),
        (r"\frac{\sum_{\text{vendor}} \text{cards}_{\text{vendor}}}{2}", "(sum[vendor] cards[vendor]) / 2"),
        (r"\left(\text{price} - 1\right)^{-\text{elasticity}}", "(price - 1)^(-elasticity)"),
        (r"e^{-\text{bought}}", "e^(-bought)"),
        (r"\ln\left(\text{ratio}\right)", "ln(ratio)"),
        (r"\max\left(0,\, \text{x}\right)", "max(0, x)"),
        (r"\operatorname{smooth step}\left(t,\, \text{width}\right)", "smooth_step(t, width)"),
        (r"\begin{cases} 1 & \text{x} \ge 2 \\ 0 & \text{else} \end{cases}", "{ 1 if x ≥ 2 ; 0 else }"),
        (r"\frac{\text{a}}{\text{b} \, \text{c}}", "a / (b · c)"),
    ],
)
def test_a_formula_as_text(latex: str, text: str) -> None:
    assert plain(latex) == text
