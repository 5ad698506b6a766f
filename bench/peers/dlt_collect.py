"""dlt collects what a search finds: `dlt_collect.py <url> <folder> <requests in a second, 0 = any> <records of a run, 0 = all>`.

The ids that it has are in the state of the resource, which dlt keeps when the run has been loaded."""

import os
import sys
import threading
import time

import dlt
from dlt.sources.helpers import requests

url, folder = sys.argv[1:3]
per_second, per_run = int(sys.argv[3]), int(sys.argv[4])
headers = {"apikey": os.environ["CORESIGNAL_API_KEY"]}
filters = {
    "application_active": True,
    "last_updated_gte": "2024-12-01 00:00:01",
    "country": "United States",
    "title": "(Program manager) AND (Remote)",
    "deleted": 0,
    "industry": "Software development",
}
lock, next_at = threading.Lock(), 0.0


def turn():
    """Requests are sent a fixed time apart, a little longer than it must be: not all take the same time to arrive."""
    global next_at
    if per_second == 0:
        return
    with lock:
        at = max(time.monotonic(), next_at)
        next_at = at + 1.05 / per_second
    time.sleep(max(0, at - time.monotonic()))


@dlt.resource
def jobs():
    params = {"items_per_page": 1000}
    while True:
        turn()
        response = requests.post(f"{url}/cdapi/v2/job_base/search/filter", json=filters, params=params, headers=headers)
        yield response.json()
        if "x-next-page-after" not in response.headers:
            return
        params["after"] = response.headers["x-next-page-after"]


@dlt.defer
def record(job_id):
    turn()
    return requests.get(f"{url}/cdapi/v2/job_base/collect/{job_id}", headers=headers).json()


@dlt.transformer(data_from=jobs, write_disposition="merge", primary_key="id", max_table_nesting=0)
def details(ids):
    had = dlt.current.resource_state().setdefault("ids", [])
    known = set(had)
    for job_id in ids:
        if job_id not in known and (per_run == 0 or len(asked) < per_run):
            asked.append(job_id)
            had.append(job_id)
            yield record(job_id)


pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=os.path.join(folder, "state"),
    destination=dlt.destinations.duckdb(os.path.join(folder, "collected.duckdb")),
    dataset_name="bench",
)
if pipeline.has_pending_data:
    pipeline.run()
while True:
    asked = []
    pipeline.run(details)
    if per_run == 0 or len(asked) < per_run:
        break
