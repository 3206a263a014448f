"""How revisions of the tables are run, tried out beforehand, and judged."""
