"""``python -m tests.console``: serve the seeded house on port 8471, for working on the console by hand."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from tests.console.house import PASSWORD, served

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), port=8471) as house:
        print(f"{house.url}  hanhnt / {PASSWORD}", flush=True)
        threading.Event().wait()
