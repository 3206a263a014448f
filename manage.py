#!/usr/bin/env python3
"""The command line of the back office: `./manage.py --help`."""

import sys

if __name__ == "__main__":
    try:
        from backoffice.cli import main

        main()
    except ModuleNotFoundError as error:
        if (error.name or "backoffice").startswith("backoffice"):
            raise
        sys.exit(
            f"manage.py: {sys.executable} does not have {error.name}. "
            "Run `source .venv/bin/activate` first: README.md says how to make that environment."
        )
