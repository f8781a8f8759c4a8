"""The endpoint that the agents know: moto behind the faults, every call counted."""

import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace

from faults import (
    Call, Reply, Rule, Rules, access_key, empty, error, one_a_page, parse_call, without_instances
)
from http_server import Handler, Server

# The access key of the cloud's own commands: never hit by a fault, never counted.
CONTROL_KEY = "ASIACONTROL000000000"

# Old answers kept for each distinct question, for the fault "stale".
HISTORY = 512


class Front:
    """`backend(method, path, query, headers, body)` is the AWS that never fails."""

    def __init__(self, backend: Callable[..., Reply], seed: int):
        self.rules = Rules(seed)
        self._backend = backend
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        # Whether an instance may make a call; everything is allowed until `restrict`.
        self._may: Callable[[Call], bool] = lambda call: True
        self._denied: Counter[tuple[str, str]] = Counter()
        self._history: dict[tuple[str, bytes], deque[tuple[float, Reply]]] = {}

    def listen(self, address: str, port: int = 0, isolated: bool = False) -> str:
        """Starts to serve and returns the URL."""
        front = self

        class Connection(Handler):
            def answer(self):
                front._answer(self, self.read_body())

            do_GET = do_POST = do_PUT = do_DELETE = answer

        server = Server(address, port, Connection, isolated)
        server.start()
        return f"http://{address}:{server.server_port}"

    def restrict(self, may: Callable[[Call], bool]):
        """From now on, calls are denied for which this is false."""
        self._may = may

    def calls(self, instances: list[str]) -> dict[str, dict[str, int]]:
        """Calls by instance and by `service:Action`, failed and repeated ones included."""
        return self._by_caller(self._calls, instances)

    def denied(self, instances: list[str]) -> dict[str, dict[str, int]]:
        """Those among them that were denied for want of a right."""
        return self._by_caller(self._denied, instances)

    def _by_caller(self, calls: Counter, instances: list[str]) -> dict[str, dict[str, int]]:
        names = {access_key(instance): instance for instance in instances}
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (key, name), count in sorted(calls.items()):
                found.setdefault(names.get(key, key), {})[name] = count
        return found

    def reset_calls(self):
        with self._lock:
            self._calls.clear()

    def _answer(self, connection: Handler, body: bytes):
        path, _, query = connection.path.partition("?")
        call = replace(parse_call(connection.headers, query, body), path=path)

        def live(asked: Call = call) -> Reply:
            reply = self._live(connection.command, path, query, connection.headers, asked)
            self._remember(asked, reply)
            return reply

        rule = None
        if call.key != CONTROL_KEY:
            with self._lock:
                self._calls[call.key, call.name] += 1
            rule = self.rules.choose(call)
            if not self._may(call):
                with self._lock:
                    self._denied[call.key, call.name] += 1
                connection.send(error(call, "denied"))
                return
        reply = live() if rule is None else self._struck(rule, call, live)
        if reply is None:
            connection.reset()
        else:
            connection.send(reply)

    def _struck(self, rule: Rule, call: Call, live: Callable[..., Reply]) -> Reply | None:
        """The answer under a fault; None breaks the connection."""
        match rule.kind:
            case "throttle" | "denied" | "http500":
                return error(call, rule.kind)
            case "empty":
                return empty(call)
            case "partial":
                return without_instances(live(), rule.hide)
            case "stale":
                return self._recall(call, rule.seconds) or live()
            case "pages":
                return live(one_a_page(call))
            case "delay":
                rule.lifted.wait(rule.seconds)
                return live()
            case "hang":
                rule.lifted.wait(rule.seconds)
                return None
            case "lost_reply":
                live()
                return None
            case "reset":
                return None

    def _live(self, method, path, query, headers, call: Call) -> Reply:
        try:
            return self._backend(method, path, query, headers, call.body)
        except Exception:
            traceback.print_exc()
            return error(call, "http500")

    def _remember(self, call: Call, reply: Reply):
        if call.reads and reply.status == 200:
            with self._lock:
                known = self._history.setdefault((call.name, call.body), deque(maxlen=HISTORY))
                known.append((time.monotonic(), reply))

    def _recall(self, call: Call, seconds: float) -> Reply | None:
        """The newest answer to this question that is old enough, else the oldest there is."""
        latest = time.monotonic() - seconds
        with self._lock:
            known = self._history.get((call.name, call.body))
            if not known:
                return None
            old = [reply for when, reply in known if when <= latest]
            return old[-1] if old else known[0][1]
