"""dlt asks the source of periods for days: `dlt_backfill.py <url> <first day> <days> <days a run> <folder> <name>`.

Each run of the pipeline is about the days `initial_value` to `end_value`, as the documentation of dlt does a backfill,
and merges by key into DuckDB. dlt keeps no state of such runs, so a file remembers which days of the backfill of this
name are done; started again, it finishes what dlt has pending, and goes on behind them."""

import datetime
import os
import sys

url, first, days, days_a_run, folder, name = sys.argv[1:7]

import dlt
from dlt.sources.helpers import requests

day = datetime.timedelta(days=1)
start = datetime.datetime.fromisoformat(first)
end = start + int(days) * day


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dlt.resource(primary_key="id", write_disposition="merge", columns={"revision": {"dedup_sort": "desc"}})
def events(at):
    since, until = (datetime.datetime.strptime(each, "%Y-%m-%dT%H:%M:%S.000Z") for each in (at.last_value, at.end_value))
    while since < until:
        params = {"since": text(since), "until": text(since + day), "asOf": "2026-06-01T00:00:00Z"}
        yield requests.get(f"{url}/events", params=params).json()
        since += day


pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=os.path.join(folder, "state"),
    destination=dlt.destinations.duckdb(os.path.join(folder, "warehouse.duckdb")),
    dataset_name="bench",
)
done = os.path.join(folder, f"{name}.done")
if os.path.exists(done):
    start = datetime.datetime.fromisoformat(open(done).read())
if pipeline.has_pending_data:
    pipeline.run()
while start < end:
    until = min(end, start + int(days_a_run) * day)
    incremental = dlt.sources.incremental("at", initial_value=text(start), end_value=text(until))
    pipeline.run(events(at=incremental))
    with open(f"{done}.new", "w") as file:
        file.write(until.isoformat())
    os.replace(f"{done}.new", done)
    start = until
