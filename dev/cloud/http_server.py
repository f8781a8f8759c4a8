"""The one HTTP server that the parts of the cloud share: threads, HTTP/1.1, no log."""

import ctypes
import os
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer

from faults import Reply

# Headers that speak of one connection, or that the server itself sets.
HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


# setns(2).
CLONE_NEWNET = 0x40000000


def enter_network(namespace: str):
    """Lets this thread, and what it opens and starts from now on, be in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), namespace)


class Server(ThreadingHTTPServer):
    """Answers on one address until the process ends; a thread for each connection.

    The address is a loopback one, or is in a network namespace that the caller has made: whoever
    uses the machine for something else is never reached.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: str, port: int, handler: type[BaseHTTPRequestHandler], isolated: bool = False
    ):
        if not isolated and not ip_address(address).is_loopback:
            raise ValueError(f"{address} is not a loopback address")
        super().__init__((address, port), handler)

    def server_bind(self):
        # HTTPServer's own looks the name of the address up, which may wait for a resolver.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def start(self):
        """Serves in a thread that blocks in the kernel: hundreds of idle servers cost nothing."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            self.handle_request()

    def handle_error(self, request, client_address):
        """A client that went away is part of the game; everything else is a bug of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads one request after the other; a subclass answers them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, reply: Reply):
        self.send_response(reply.status)
        for name, value in reply.headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    def reset(self):
        """Breaks the connection with a TCP reset instead of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The handler's two file objects hold the descriptor: the reset goes out with the last.
        for each in (self.rfile, self.wfile, self.connection):
            each.close()
        raise ConnectionResetError("by order of a fault")
