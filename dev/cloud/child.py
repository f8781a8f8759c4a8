"""A cloud of its own for a test."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config

# moto's state is the process's: every test has a whole cloud to itself.
SCRIPT = Path(__file__).with_name("cloud.py")


class Child:
    """A running cloud.py."""

    def __init__(self, **start):
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.started = self("start", net="127.2.250", endpoint="127.2.0.250", **start)
        except RuntimeError:
            self.close()
            raise

    def __call__(self, cmd: str, **arguments):
        self._process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def close(self) -> int:
        self._process.stdin.close()
        status = self._process.wait(timeout=10)
        self._process.stdout.close()
        return status

    def client(self, service: str, key: str | None = None, read_timeout: float = 10):
        return boto3.session.Session().client(
            service,
            endpoint_url=self.started["endpoint"],
            region_name=self.started["region"],
            aws_access_key_id=key or self.started["tester"]["access_key"],
            aws_secret_access_key="emulated",
            config=Config(
                retries={"total_max_attempts": 1}, read_timeout=read_timeout, max_pool_connections=1
            ),
        )
