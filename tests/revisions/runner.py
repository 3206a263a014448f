"""`manage.py` that knows a test's own revisions; VERSIONS lists the folders."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import flask_migrate

from backoffice.cli import main

plain = flask_migrate.Migrate.get_config


def get_config(self, *args, **kwargs):
    config = plain(self, *args, **kwargs)
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.environ["VERSIONS"])
    return config


flask_migrate.Migrate.get_config = get_config

if __name__ == "__main__":
    main()
