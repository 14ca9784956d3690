"""``python -m forkpoint`` is ``forkpoint``."""

from forkpoint.cli import main

main()
