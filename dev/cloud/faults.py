"""What may go wrong with a call to AWS: rules, and the replies that AWS gives when it does.

Nothing here does any IO. A `Call` is one request as the agents' SDK sent it, a `Reply` one HTTP
answer. A `Rule` selects calls and says what happens to them; `Rules` is the ordered set of them.
"""

import hashlib
import json
import random
import re
import threading
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs
from xml.etree import ElementTree

KINDS = (
    "throttle", "denied", "http500", "reset", "hang", "delay", "empty", "partial", "stale", "pages",
    "lost_reply",
)
TIMED = ("hang", "delay", "stale")

EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
AUTOSCALING_NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"

# (HTTP status, error code) by protocol, as the services' references list them.
ERRORS = {
    "throttle": {
        "ec2": (503, "RequestLimitExceeded"),
        "autoscaling": (400, "Throttling"),
        "logs": (400, "ThrottlingException"),
        "ssm": (400, "ThrottlingException"),
    },
    "denied": {
        "ec2": (403, "UnauthorizedOperation"),
        "autoscaling": (403, "AccessDenied"),
        "logs": (400, "AccessDeniedException"),
        "ssm": (400, "AccessDeniedException"),
    },
    "http500": {
        "ec2": (500, "InternalError"),
        "autoscaling": (500, "InternalFailure"),
        "logs": (500, "InternalFailure"),
        "ssm": (500, "InternalServerError"),
    },
}
MESSAGES = {
    "throttle": "Rate exceeded",
    "denied": "You are not authorized to perform this operation.",
    "http500": "An internal error has occurred.",
}

# The reads that come in pages.
PAGED = ("ec2:DescribeInstances", "logs:DescribeLogStreams", "logs:FilterLogEvents")

# An answer that is well formed and knows nothing, for every read that the agent does.
EMPTY = {
    "ec2:DescribeInstances": "<reservationSet/>",
    "ec2:DescribeTags": "<tagSet/>",
    "autoscaling:DescribeAutoScalingGroups": "<AutoScalingGroups/>",
    "autoscaling:DescribeAutoScalingInstances": "<AutoScalingInstances/>",
    "autoscaling:DescribeLifecycleHooks": "<LifecycleHooks/>",
    "logs:DescribeLogGroups": '{"logGroups":[]}',
    "logs:DescribeLogStreams": '{"logStreams":[]}',
    "logs:GetLogEvents": '{"events":[],"nextForwardToken":"f/0","nextBackwardToken":"b/0"}',
    "logs:FilterLogEvents": '{"events":[],"searchedLogStreams":[]}',
}


def access_key(instance: str) -> str:
    """The access key id that an instance's role credentials carry: it tells the caller."""
    return "ASIA" + hashlib.sha256(instance.encode()).hexdigest()[:16].upper()


@dataclass(frozen=True)
class Call:
    """One request: which service and action, by whom (an access key id), with which input."""

    service: str
    action: str
    key: str
    body: bytes
    path: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}:{self.action}"

    @property
    def reads(self) -> bool:
        return self.action.startswith(("Describe", "Get", "Filter", "List"))


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def parse_call(headers, query: str, body: bytes) -> Call:
    """Reads the caller and service from the signature, the action from the header or the form."""
    scope = re.search(r"Credential=([^/]*)/[^/]*/[^/]*/([^/]*)/", headers.get("Authorization", ""))
    key, service = scope.groups() if scope else ("", "unsigned")
    target = headers.get("X-Amz-Target")
    if target:
        action = target.rpartition(".")[2]
    elif service == "route53":
        # REST, without the call's name; of those that the agents make, one has a body.
        action = "ChangeResourceRecordSets" if body else "ListResourceRecordSets"
    else:
        form = parse_qs(body.decode("utf-8", "replace") or query)
        action = form.get("Action", ["unknown"])[0]
    return Call(service, action, key, body)


def error(call: Call, kind: str) -> Reply:
    """The error of this kind in the shape of the call's protocol."""
    status, code = ERRORS[kind].get(call.service, ERRORS[kind]["autoscaling"])
    message = MESSAGES[kind]
    if call.service in ("logs", "ssm"):
        return _json(status, f'{{"__type":"{code}","message":"{message}"}}')
    detail = f"<Code>{code}</Code><Message>{message}</Message>"
    if call.service == "ec2":
        return _xml(
            status, f"<Response><Errors><Error>{detail}</Error></Errors><RequestID>fault</RequestID></Response>"
        )
    return _xml(
        status,
        f'<ErrorResponse xmlns="{AUTOSCALING_NAMESPACE}"><Error><Type>Sender</Type>{detail}</Error>'
        "<RequestId>fault</RequestId></ErrorResponse>",
    )


def empty(call: Call) -> Reply:
    """The well-formed answer without content; only for the calls in `EMPTY`."""
    inner = EMPTY[call.name]
    if call.service == "logs":
        return _json(200, inner)
    if call.service == "ec2":
        return _xml(
            200,
            f'<{call.action}Response xmlns="{EC2_NAMESPACE}"><requestId>fault</requestId>{inner}'
            f"</{call.action}Response>",
        )
    return _xml(
        200,
        f'<{call.action}Response xmlns="{AUTOSCALING_NAMESPACE}"><{call.action}Result>{inner}'
        f"</{call.action}Result><ResponseMetadata><RequestId>fault</RequestId></ResponseMetadata>"
        f"</{call.action}Response>",
    )


def without_instances(reply: Reply, hidden: list[str]) -> Reply:
    """A DescribeInstances answer from which some instances are missing."""
    ElementTree.register_namespace("", EC2_NAMESPACE)
    root = ElementTree.fromstring(reply.body)
    for instances in root.iterfind(".//{*}instancesSet"):
        for item in list(instances):
            if item.findtext("{*}instanceId") in hidden:
                instances.remove(item)
    return _xml(reply.status, ElementTree.tostring(root, encoding="unicode"))


def one_a_page(call: Call) -> Call:
    """The same question, asking for pages of one; a service may always give fewer than asked for."""
    if call.service == "logs":
        return replace(call, body=json.dumps({**json.loads(call.body), "limit": 1}).encode())
    return replace(call, body=re.sub(rb"MaxResults=\d+", b"MaxResults=1", call.body))


def _xml(status: int, body: str) -> Reply:
    return Reply(status, [("Content-Type", "text/xml")], body.encode())


def _json(status: int, body: str) -> Reply:
    return Reply(status, [("Content-Type", "application/x-amz-json-1.1")], body.encode())


@dataclass
class Rule:
    """Which calls are hit (absent means every), by what, how often."""

    kind: str
    service: str | None = None
    action: str | None = None
    instance: str | None = None
    seconds: float = 0.0
    probability: float = 1.0
    count: int | None = None
    hide: list[str] = field(default_factory=list)
    applied: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(KINDS)}")
        if self.kind in TIMED and self.seconds <= 0:
            raise ValueError(f"{self.kind} needs a positive number of seconds")
        if self.kind == "partial" and not self.hide:
            raise ValueError("partial needs the instances to hide")

    def selects(self, call: Call) -> bool:
        if self.count is not None and self.applied >= self.count:
            return False
        if self.kind == "empty" and call.name not in EMPTY:
            return False
        if self.kind == "pages" and call.name not in PAGED:
            return False
        if self.kind == "partial" and call.name != "ec2:DescribeInstances":
            return False
        if self.kind == "stale" and not call.reads:
            return False
        return (
            self.service in (None, call.service)
            and self.action in (None, call.action)
            and (self.instance is None or access_key(self.instance) == call.key)
        )


class Rules:
    """The faults in force, in the order in which they were set: the first that selects wins."""

    def __init__(self, seed: int):
        self._seed = seed
        self._lock = threading.Lock()
        self._rules: list[tuple[int, Rule, random.Random]] = []
        self._next = 1

    def add(self, rule: Rule) -> int:
        """Puts a rule in force and returns its number."""
        with self._lock:
            number = self._next
            self._next += 1
            self._rules.append((number, rule, random.Random(f"{self._seed}:{number}")))
            return number

    def clear(self, number: int | None = None) -> dict[str, int]:
        """Lifts one rule or all, wakes the calls they hold; how often each was applied."""
        with self._lock:
            lifted = [each for each in self._rules if number in (None, each[0])]
            self._rules = [each for each in self._rules if each not in lifted]
        for _, rule, _ in lifted:
            rule.lifted.set()
        return {str(each): rule.applied for each, rule, _ in lifted}

    def choose(self, call: Call) -> Rule | None:
        """The rule that hits this call, counted as applied."""
        with self._lock:
            for _, rule, dice in self._rules:
                if rule.selects(call) and dice.random() < rule.probability:
                    rule.applied += 1
                    return rule
        return None
