"""Prints the ids that `dlt_collect.py` has brought into the database of a folder, as JSON."""

import json
import os
import sys

import duckdb

with duckdb.connect(os.path.join(sys.argv[1], "collected.duckdb"), read_only=True) as connection:
    print(json.dumps([job_id for (job_id,) in connection.execute("SELECT id FROM bench.details").fetchall()]))
