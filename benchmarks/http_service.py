"""nginx as a service that takes our JSON: it reads each request to its end, says 200, and keeps nothing."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import Process, free_port

# A `return` would answer before the body has arrived: the mirror reads it first, the missing file makes the answer.
_CONFIG = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    client_body_buffer_size 64m;
    keepalive_requests 1000000;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            root {folder}/nothing;
            mirror /read;
            log_not_found off;
            error_page 404 405 =200 @taken;
        }}
        location = /read {{ internal; return 204; }}
        location @taken {{ return 200 '{{"id":"taken"}}'; }}
    }}
}}
"""


def nginx_binary() -> str | None:
    """Where nginx is, if it is installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def nginx(binary: str, folder: Path) -> Iterator[tuple[Process, int]]:
    port = free_port()
    config = folder / f"nginx-{port}.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, user="user root;" if os.geteuid() == 0 else ""))
    process = Process([binary, "-e", str(folder / "nginx.log"), "-c", str(config)], log=folder / f"nginx-{port}.out")
    try:
        process.await_port(port)
        yield process, port
    finally:
        process.stop()
