#!/usr/bin/env python3
"""The command line of the back office: `./manage.py --help`."""

from backoffice.cli import main

if __name__ == "__main__":
    main()
