"""The lab on this machine: its files at an address of 127.0.0.1 that nobody else can reach."""

from __future__ import annotations

import sys
import threading
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from tongtou.errors import DataError
from tongtou.labserver.site import PAGE, Site, media_type

HOST = "127.0.0.1"
_HOSTS = {HOST, "localhost"}


class Lab:
    """A running lab; `close` it, or use it in a ``with`` statement.

    Parameters
    ----------
    site : Site
    port : int
        0 takes any free one.

    Raises
    ------
    DataError
        The port cannot be had.

    Attributes
    ----------
    url : str
        Where it is: ``http://127.0.0.1:PORT/``.
    """

    def __init__(self, site: Site, *, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"site": site})
        try:
            self._server = _Server((HOST, port), handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(
                f"expected a free port of {HOST}, got {port} ({reason}); choose another one, or 0 "
                "for any that is free"
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until somebody closes it or presses Ctrl-C."""
        self._thread.join()

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lab({self.url})"


class _Server(ThreadingHTTPServer):
    """Says nothing of visitors who leave while they are being answered."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the names of one site."""

    site: Site
    protocol_version = "HTTP/1.1"
    server_version = "tongtou"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        # A page elsewhere whose name was made to lead here has another name in this header.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _HOSTS:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        name = unquote(urlsplit(self.path).path).removeprefix("/") or PAGE
        content = self.site.content(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type(name))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", tag)
        # Names of built files change with their contents; everything else is asked for again.
        kept = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        self.send_header("Cache-Control", kept)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal is the visitor's."""
