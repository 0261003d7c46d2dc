"""A pytest plugin, loaded before settings are: processes that share the suite get a Redis index each."""

import os
from urllib.parse import urlsplit

WORKERS = 4


def _own_index(url: str, worker: str) -> str:
    parts = urlsplit(url)
    index = int(parts.path.strip("/") or 0) + int(worker.removeprefix("gw")) % WORKERS
    return parts._replace(path=f"/{index}").geturl()


if "PYTEST_XDIST_WORKER" in os.environ and os.environ.get("REDIS_URL"):
    os.environ["REDIS_URL"] = _own_index(os.environ["REDIS_URL"], os.environ["PYTEST_XDIST_WORKER"])
