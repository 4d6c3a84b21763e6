"""An S3-compatible server on this machine that can be told to fail."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest

BUCKET = "datasets"


class FaultyStore:
    """Objects in memory behind HTTP.

    Attributes:
        options: the query of a URI that leads to it.
        requests: method and path of each one so far.
        fault: is asked before each request for an object, with method and path; returns a WSGI response, or None.
    """

    def __init__(self, port: int) -> None:
        self.endpoint = f"127.0.0.1:{port}"
        self.options = f"endpoint_override={self.endpoint}&scheme=http&region=us-east-1"
        self.requests: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], tuple[str, list[tuple[str, str]], list[bytes]] | None] = lambda method, path: (
            None
        )
        # Every process that tests imports this module, and one alone runs a server.
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        answer = self.fault(method, path) if method in ("GET", "HEAD") and path.count("/") > 1 else None
        if answer is None:
            return self._app(environ, start_response)
        status, headers, body = answer
        start_response(status, headers)
        return body

    def uri(self, name: str) -> str:
        return f"s3://{BUCKET}/{name}?{self.options}"

    def filesystem(self) -> pyarrow.fs.FileSystem:
        return pyarrow.fs.S3FileSystem(endpoint_override=self.endpoint, scheme="http", allow_bucket_creation=True)


@contextmanager
def run_store() -> Iterator[tuple[FaultyStore, Callable[[], None]]]:
    """Runs a server; yields it and what ends it early."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, lambda environ, start: store(environ, start), threaded=True)
    store = FaultyStore(server.port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    is_running = True

    def stop() -> None:
        nonlocal is_running
        if is_running:
            server.shutdown()
            server.server_close()
            thread.join()
            is_running = False

    try:
        yield store, stop
    finally:
        stop()


@contextmanager
def set_credentials() -> Iterator[None]:
    """Sets what a client asks for; the server takes anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


def upload(store: FaultyStore, directory: Path, name: str) -> str:
    """Copies a dataset to the server, and returns its URI."""
    files = store.filesystem()
    files.create_dir(BUCKET)
    pyarrow.fs.copy_files(str(directory), f"{BUCKET}/{name}", destination_filesystem=files)
    return store.uri(name)
