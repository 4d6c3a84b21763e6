"""A server that answers what is asked of Google's object store to read files; a process of its own.

Opening a file holds Python's lock while it waits for the first answer, so the server must not be a thread.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

BUCKET = "datasets"


@contextmanager
def run_gcs(directory: Path) -> Iterator[str]:
    """Serves the files below a directory; yields the query of URIs that lead there."""
    command = [sys.executable, __file__, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"endpoint_override=127.0.0.1:{process.stdout.readline().strip()}&scheme=http"
        finally:
            process.kill()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory: Path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keeps quiet."""

    def do_GET(self) -> None:
        """Answers for `/storage/v1/b/BUCKET` and `/storage/v1/b/BUCKET/o/NAME`; with `alt=media` by its bytes."""
        parts = urlsplit(self.path)
        bucket, _, name = parts.path.removeprefix("/storage/v1/b/").partition("/o/")
        path = self.directory / unquote(name)
        if bucket == BUCKET and not name:
            self._answer(200, json.dumps({"kind": "storage#bucket", "name": bucket}).encode())
        elif bucket != BUCKET or not path.is_file():
            self._answer(404, json.dumps({"error": {"code": 404, "message": "Not Found"}}).encode())
        elif "alt=media" in parts.query:
            self._answer_range(path.read_bytes())
        else:
            facts = {"name": unquote(name), "bucket": bucket, "size": str(path.stat().st_size)}
            self._answer(200, json.dumps({"kind": "storage#object", "generation": "1", **facts}).encode())

    def _answer_range(self, contents: bytes) -> None:
        wanted = self.headers.get("Range")
        if wanted is None:
            self._answer(200, contents)
            return
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        self._answer(206, contents[first : last + 1], f"bytes {first}-{last}/{len(contents)}")

    def _answer(self, status: int, body: bytes, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    _Handler.directory = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
