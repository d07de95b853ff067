"""``python -m deltaprop`` shows what runs; ``--check`` checks gradients and says if they agree."""

from __future__ import annotations

import argparse
import sys

from .versions import check, show_versions


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 1 if the check fails."""
    parser = argparse.ArgumentParser("python -m deltaprop", description="Show what runs.")
    parser.add_argument("--check", action="store_true", help="check gradients; exit 1 if one fails")
    options = parser.parse_args(arguments)
    show_versions()
    if options.check:
        try:
            check()
        except AssertionError as error:
            print(f"\ngradients are WRONG:\n{error}")
            return 1
        print("\ngradients agree with finite differences, with the formulas and when compiled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
