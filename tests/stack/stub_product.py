"""The real supervisor and services under a product of two small processes: `python -m tests.stack.stub_product`."""

import sys
from pathlib import Path

from config.embedded import stack
from config.embedded.__main__ import report, stop_with_parent
from config.embedded.kept import Command
from config.embedded.processes import Product, Step
from config.embedded.state import State

WEB = Path(__file__).with_name("stub_web.py")
FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"


def product(state: State, port: int) -> Product:
    greeting = Command("greeting", (sys.executable, "-c", "print('greetings from the demo')"))
    return Product(
        steps=(Step(greeting, sources=(), prints=True),),
        processes=(
            Command("web", (sys.executable, str(WEB), str(port))),
            Command("family", (sys.executable, "-c", FAMILY)),
        ),
        health_url=f"http://127.0.0.1:{port}/healthz",
    )


if __name__ == "__main__":
    if "--with-parent" in sys.argv:
        stop_with_parent()
    sys.exit(report(lambda: stack.run_product(product)))
