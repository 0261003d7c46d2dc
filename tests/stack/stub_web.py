"""Answers every GET with 200 and the environment that the stack gave it: `python stub_web.py PORT`."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if os.environ.get("STUB_WEB") == "broken":
    sys.exit("the reason, in its own words")
HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
