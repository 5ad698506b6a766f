"""dlt reads the search API of the double page by page into JSON lines: `dlt_api.py <url> <key> <agent> <page size> <folder>`.

Prints one line of JSON: the seconds that the run took and those of a processor, without the start of the interpreter."""

import json
import os
import sys
import time

url, key, agent, page_size, folder = sys.argv[1:6]
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

import dlt
from dlt.sources.rest_api import rest_api_source

source = rest_api_source(
    {
        "client": {
            "base_url": f"{url}/api/",
            "headers": {"Authorization-Key": key, "User-Agent": agent},
        },
        "resources": [
            {
                "name": "postings",
                "primary_key": "MatchedObjectId",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": "Search",
                    "data_selector": "SearchResult.SearchResultItems",
                    "params": {
                        "Keyword": "data engineering",
                        "LocationName": "Chicago, Illinois",
                        "RemunerationMinimumAmount": 100000,
                        "Fields": "Full",
                        "ResultsPerPage": page_size,
                    },
                    # The source tells the number of rows; dlt takes a number of pages only, so it reads one more.
                    "paginator": {
                        "type": "page_number",
                        "base_page": 1,
                        "page_param": "Page",
                        "total_path": None,
                        "stop_after_empty_page": True,
                    },
                },
            }
        ],
    }
)
pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=os.path.join(folder, "state"),
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/out"),
    dataset_name="bench",
)
began, busy = time.monotonic(), time.process_time()
pipeline.run(source, loader_file_format="jsonl")
print(json.dumps({"seconds": time.monotonic() - began, "busy": time.process_time() - busy}))
