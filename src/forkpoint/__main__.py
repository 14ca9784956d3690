"""``python -m forkpoint`` is ``forkpoint``."""

import sys


def main() -> None:
    """Load the command line and run it; Ctrl-C while it loads is no traceback either."""
    try:
        from forkpoint.cli import main as run
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
