"""What the exit codes of every command mean."""

from __future__ import annotations

from typing import Final

OK: Final = 0
SKIPPED: Final = 1
NO_MATCH: Final = 1
USAGE: Final = 2
UNSURE: Final = 3
INTERRUPTED: Final = 130

EXIT_CODES: Final = """\b
Exit codes:
  0    done; verify: match
  1    done, but some input was skipped (each is named); verify: no match
  2    usage, configuration or gallery error
  3    verify: could not tell
  130  interrupted with Ctrl-C; what was finished is kept
"""
