"""The instance metadata service, version 2 only: one server for each instance's address.

On loopback each has an address of its own; where each instance is in a network namespace of its
own, all of them have the real one.

Paths and answers follow the EC2 User Guide, "Instance metadata categories".
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faults import Reply, access_key
from http_server import Handler, Server, enter_network

ROLE = "zookeeper"
TOKEN = "/latest/api/token"
USER_DATA = "/latest/user-data"
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
MAX_TTL = 21600
# Where it is on every instance (EC2 User Guide, "Access instance metadata").
LINK_LOCAL = ("169.254.169.254", 80)


class Metadata:
    """Every instance's metadata server, and the answers that a test has put in their place.

    `describe(address)` is the instance that has this address now, as `Aws.instances` lists it;
    `user_data(instance)` what its launch template gives to it. `namespaces` is the
    directory with a network namespace for each address, if there is one.
    """

    def __init__(
        self,
        port: int,
        region: str,
        describe: Callable[[str], dict | None],
        user_data: Callable[[str], str | None],
        namespaces: str | None = None,
    ):
        self.port = port
        self._user_data = user_data
        self._namespaces = Path(namespaces) if namespaces else None
        self._region = region
        self._describe = describe
        self._lock = threading.Lock()
        self._served: set[str] = set()
        self._overrides: dict[tuple[str, str], tuple[Reply, float]] = {}

    def serve(self, address: str):
        """Starts the server of an address, unless it runs, or its namespace is yet to be made."""
        if address in self._served:
            return
        namespace = self._namespaces and self._namespaces / address
        if namespace and not namespace.exists():
            return
        metadata = self
        tokens: dict[str, float] = {}

        class Connection(Handler):
            def do_PUT(self):
                self.read_body()
                self.send(metadata._put(address, self.path, self.headers, tokens))

            def do_GET(self):
                self.send(metadata._get(address, self.path, self.headers, tokens))

        self._served.add(address)
        if not namespace:
            Server(address, self.port, Connection).start()
            return

        def inside():
            enter_network(str(namespace))
            Server(*LINK_LOCAL, Connection, isolated=True).start()

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()

    def override(self, instance: str, path: str, status: int | None, body: str, seconds: float):
        """Answers one path of one instance with this, after so long; status None undoes it."""
        key = (instance, _normal(path))
        with self._lock:
            if status is None:
                self._overrides.pop(key, None)
            else:
                self._overrides[key] = (_text(status, body), seconds)

    def _put(self, address, path, headers, tokens) -> Reply:
        replaced = self._replaced(address, path)
        if replaced:
            return replaced
        if _normal(path) != TOKEN:
            return _text(405, "")
        ttl = headers.get(TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= MAX_TTL:
            return _text(400, "")
        token = secrets.token_urlsafe(32)
        tokens[token] = time.monotonic() + int(ttl)
        reply = _text(200, token)
        return Reply(200, [*reply.headers, (TTL, ttl)], reply.body)

    def _get(self, address, path, headers, tokens) -> Reply:
        if tokens.get(headers.get("X-aws-ec2-metadata-token", ""), 0.0) < time.monotonic():
            return _text(401, "")
        replaced = self._replaced(address, path)
        if replaced:
            return replaced
        instance = self._describe(address)
        if instance and _normal(path) == USER_DATA:
            body = self._user_data(instance["id"])
        else:
            body = instance and self._answers(instance).get(_normal(path))
        return _text(404, "Not Found") if body is None else _text(200, body)

    def _replaced(self, address: str, path: str) -> Reply | None:
        instance = self._describe(address)
        if instance is None:
            return None
        with self._lock:
            reply, seconds = self._overrides.get((instance["id"], _normal(path)), (None, 0.0))
        if reply is not None and seconds:
            time.sleep(seconds)
        return reply

    def _answers(self, instance: dict) -> dict[str, str]:
        """Every path that exists for this instance; what is not here is 404."""
        tags = instance["tags"]
        meta = {
            "instance-id": instance["id"],
            "local-ipv4": instance["address"],
            "placement/availability-zone": instance["zone"],
            "placement/region": self._region,
            "iam/security-credentials": ROLE,
            f"iam/security-credentials/{ROLE}": _credentials(instance["id"]),
            "tags/instance": "\n".join(tags),
            **{f"tags/instance/{key}": value for key, value in tags.items()},
        }
        target = _target(instance["lifecycle"])
        if target:
            meta["autoscaling/target-lifecycle-state"] = target
        answers = {f"/latest/meta-data/{path}": body for path, body in meta.items()}
        answers["/latest/dynamic/instance-identity/document"] = json.dumps(
            {
                "accountId": "123456789012",
                "architecture": "x86_64",
                "availabilityZone": instance["zone"],
                "imageId": "ami-12345678",
                "instanceId": instance["id"],
                "instanceType": "t3.small",
                "pendingTime": instance["launched"],
                "privateIp": instance["address"],
                "region": self._region,
                "version": "2017-09-30",
            }
        )
        return answers


def _target(lifecycle: str | None) -> str | None:
    """The target that belongs to a LifecycleState; outside a group there is none."""
    if lifecycle is None:
        return None
    if lifecycle.startswith("Terminating"):
        return "Terminated"
    return "InService" if lifecycle.startswith("Pending") else lifecycle


def _credentials(instance: str) -> str:
    now = datetime.now(UTC)
    return json.dumps(
        {
            "Code": "Success",
            "LastUpdated": _timestamp(now),
            "Type": "AWS-HMAC",
            "AccessKeyId": access_key(instance),
            "SecretAccessKey": "emulated",
            "Token": "emulated",
            "Expiration": _timestamp(now + timedelta(days=7)),
        }
    )


def _timestamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _normal(path: str) -> str:
    return "/" + path.strip("/")


def _text(status: int, body: str) -> Reply:
    return Reply(status, [("Content-Type", "text/plain")], body.encode())
