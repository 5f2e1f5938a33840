"""A fake S3 that discards data: it accepts one multipart upload over HTTP and returns zeros for it.

It keeps the upload's length and first block. It is only for measuring a client: it signs, checks and conditions
nothing.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BLOCK = 1 << 20
_ZEROS = bytes(BLOCK)


class DiscardingStore(ThreadingHTTPServer):
    """What the server keeps of the single artifact. Manifests are recognised by their key."""

    daemon_threads = True
    first_block = b""
    sizes: dict[int, int]
    is_complete = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: DiscardingStore  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_PUT(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        part = int(query.get("partNumber", ["0"])[0])
        first, size = self._discard()
        if part:
            self.server.sizes[part] = size
        if part == 1:
            self.server.first_block = first
        self._respond(200, headers={"ETag": f'"{part}"'})

    def do_POST(self) -> None:
        self._discard()
        if "uploads" in self.path:
            self._respond(200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
            return
        self.server.is_complete = True
        self._respond(200, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    def do_HEAD(self) -> None:
        is_stored = self._is_artifact() and self.server.is_complete
        self._respond(200 if is_stored else 404, length=self._total_size() if is_stored else 0)

    def do_GET(self) -> None:
        if not (self._is_artifact() and self.server.is_complete):
            self._respond(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        left = self._total_size()
        self._respond(200, length=left)
        block = self.server.first_block
        while left:
            self.wfile.write(memoryview(block)[:left])
            left -= min(left, len(block))
            block = _ZEROS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Logs nothing."""

    def _is_artifact(self) -> bool:
        return urlsplit(self.path).path.endswith("/model.tar.gz")

    def _total_size(self) -> int:
        return sum(self.server.sizes.values())

    def _discard(self) -> tuple[bytes, int]:
        size = left = int(self.headers.get("Content-Length", "0"))
        first, buffer = b"", memoryview(bytearray(BLOCK))
        while left:
            got = self.rfile.readinto(buffer[: min(left, BLOCK)])
            first = first or bytes(buffer[:got])
            left -= got
        return first, size

    def _respond(
        self, status: int, body: bytes = b"", *, length: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Prints the port and serves until the process is ended."""
    store = DiscardingStore(("127.0.0.1", 0), Handler)
    store.sizes = {}
    print(store.server_address[1], flush=True)
    store.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
