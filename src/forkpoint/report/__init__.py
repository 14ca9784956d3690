"""Floor 5: results become one self-contained HTML file and a short summary for the terminal."""

from forkpoint.report.build import build_report

__all__ = ["build_report"]
