"""Score files -> a page that anybody can read, and its plots and tables as files.

``write_report`` writes ``report.html`` (one file, no script, nothing from elsewhere) and beside it
``report.json``, ``tables/*.csv``, ``plots/*.svg`` and ``plots/*.png``; docs/evaluation-report.md
tells what is in them.
"""

from __future__ import annotations

from maskwise.evaluate.report.write import Report, read_parts, write_report

__all__ = ["Report", "read_parts", "write_report"]
