"""What a policy allows: enough of IAM to hold the agents to theirs.

Sources, as of November 2026: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements:
Condition operators", "Multivalued context keys"; Service Authorization Reference, the resources of
CloudWatch Logs, EC2 and EC2 Auto Scaling. Only Allow statements, and the operators that are used
here; what a call is about is known for the calls of the instances, and any other one is on "*".
"""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from faults import Call

ACCOUNT = "123456789012"


@dataclass
class Request:
    """One call as IAM sees it."""

    action: str
    resources: list[str]
    context: dict[str, list[str]] = field(default_factory=dict)


class Policy:
    """An identity's policy."""

    def __init__(self, document: dict):
        self._statements = document["Statement"]
        for each in self._statements:
            if each["Effect"] != "Allow" or set(each.get("Condition", {})) - set(OPERATORS):
                raise ValueError(f"not simulated: {each}")

    def allows(self, request: Request) -> bool:
        """Whether each resource of the call is allowed by some statement."""
        return all(
            any(_covers(each, request, resource) for each in self._statements)
            for resource in request.resources
        )


def request_of(call: Call, region: str, group_of, tags_of) -> Request:
    """What a call is about. `group_of(instance)` and `tags_of(instance)` look at the emulated AWS."""
    context = {"aws:RequestedRegion": [region]}
    if call.service == "logs":
        asked = json.loads(call.body)
        resource = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{asked['logGroupName']}"
        if call.action == "PutLogEvents":
            resource += f":log-stream:{asked['logStreamName']}"
        return Request(call.name, [resource], context)
    if call.service == "secretsmanager":
        return Request(call.name, [json.loads(call.body)["SecretId"]], context)
    form = {key: values[0] for key, values in parse_qs(call.body.decode()).items()}
    if call.service == "autoscaling" and not call.reads:
        group = form.get("AutoScalingGroupName") or group_of(form["InstanceId"])
        path = f"autoScalingGroup:6a1c:autoScalingGroupName/{group}"
        return Request(call.name, [f"arn:aws:autoscaling:{region}:{ACCOUNT}:{path}"], context)
    if call.name == "ec2:CreateTags":
        instances = [value for key, value in form.items() if key.startswith("ResourceId.")]
        context["aws:TagKeys"] = [
            value for key, value in form.items() if re.fullmatch(r"Tag\.\d+\.Key", key)
        ]
        for instance in instances:
            for key, value in tags_of(instance).items():
                context.setdefault(f"aws:ResourceTag/{key}", []).append(value)
        arns = [f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{each}" for each in instances]
        return Request(call.name, arns, context)
    return Request(call.name, ["*"], context)


def _covers(statement: dict, request: Request, resource: str) -> bool:
    conditions = statement.get("Condition", {}).items()
    return (
        request.action in statement["Action"]
        and any(_like(pattern, resource) for pattern in statement["Resource"])
        and all(
            OPERATORS[operator](request.context.get(key, []), values)
            for operator, keys in conditions
            for key, values in keys.items()
        )
    )


def _like(pattern: str, text: str) -> bool:
    """`*` is anything, `?` one letter, `${*}` a star."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    wild = {"*": ".*", "?": "."}
    made = [wild.get(part) or re.escape(part[2] if part.startswith("${") else part) for part in parts]
    return re.fullmatch("".join(made), text, re.DOTALL) is not None


OPERATORS = {
    # A key that has no value fits nothing; one with several is compared as a whole.
    "StringEquals": lambda found, allowed: bool(found) and all(each in allowed for each in found),
    "ForAllValues:StringEquals": lambda found, allowed: all(each in allowed for each in found),
}
