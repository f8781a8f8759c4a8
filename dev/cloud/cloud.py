"""An AWS on loopback for one test world: moto, one Auto Scaling group, faults, metadata servers.

A child process without any rights (`namespaces` takes root). It reads one JSON command a line on
stdin and writes one JSON answer a line on stdout, `{"ok": …}` or `{"error": "…"}`; stderr is for
people. When stdin closes it is gone, with all that it serves. It listens on addresses of 127/8 only
(but for `namespaces`). Worlds side by side differ in `net`.

The first command is `start`; an argument with `=` may be left out and then has that value.

start    net, endpoint="127.0.0.1", group="zk", size=0, zones=3, region="eu-west-1",
         imds_port=1338, tags={}, seed=1, machines=false, template=null, parameters={},
         namespaces=null
         `net` is "127.2.1" (that /24) or a loopback block such as "127.64.0.0/22"; each zone has a
         quarter of it. `tags` are propagated to the group's instances. `size` instances are
         launched at once. `template`: the text of a CloudFormation template, which makes the group
         in a stack of the group's name, and whose `parameters` beyond VpcId and SubnetIds are given.
         `machines`: the caller runs the instances' machines; see powered_off.
         `namespaces`: a directory in which the caller makes a network namespace for each instance,
         named after its address: its metadata service is in it, at 169.254.169.254; `net` and
         `endpoint` are then private addresses of the namespace in which this program runs.
         → {endpoint, region, group, imds_port, security_group, tester: {access_key, secret_key},
            instances: [INSTANCE…]}

INSTANCE {id, address, zone, state, lifecycle, protected, health, launched, tags, imds, access_key}
         `address` stays known after the termination (EC2's own answer has none then); `lifecycle`
         and `health` are null outside the group; `imds` is the URL for
         AWS_EC2_METADATA_SERVICE_ENDPOINT.

The group and its instances
launch         count=1                      → {instances: the new ones}; capacity grows
set_capacity   desired                      → {instances: the new ones}; who goes, goes by the hooks
terminate      instance, decrement=false, hooks=false
                                            → {instances: the replacements}; an abrupt death, or
                                               with `hooks` TerminateInstanceInAutoScalingGroup
autoscaling    action, arguments={}         → the answer; a call of EC2 Auto Scaling as boto3 names
                                               it ("put_lifecycle_hook", "start_instance_refresh");
                                               the group's name is filled in
call           service, action, arguments={} → the answer; any other call, by an operator with every
                                               right ("cloudformation", "update_stack")
pass_time      seconds                      → {}; so much nearer are the deadlines of hooks,
                                               refreshes, grace periods, and only theirs
powered_off    instance                     → {}; with `machines`, an instance that the group
                                               terminates is "shutting-down" until then
run_outside    count=1, tags={}, security_groups=[], zone=0
                                            → {instances: the new ones}, not of the group
instances      –                            → {desired, instances: all, terminated ones too}
set_lifecycle  instance, state              → {}; LifecycleState, such as "Standby"; the group then
                                               counts it, and leaves it alone until "InService"
set_state      instance, state              → {}; EC2's state, such as "shutting-down"
stop_instance, start_instance, reboot       instance → {}
tag            instance, tags               → {}; a value of null deletes the tag
forget         instance                     → {}; a terminated one is no longer listed at all
age_instance   instance, seconds            → {}; launched so much earlier

Metadata
imds           instance, path, status=200, body="", seconds=0
               → {}; answers this path so, after so many seconds; status null undoes it. A token
               is still asked for, except by the path "/latest/api/token" itself (PUT).
               A spot instance is taken back in two minutes (EC2 User Guide, "Spot Instance
               interruption notices", "EC2 instance rebalance recommendations"):
               /latest/meta-data/spot/instance-action  {"action":"terminate","time":"2026-…Z"}
               /latest/meta-data/events/recommendations/rebalance  {"noticeTime":"2026-…Z"}

Log streams (milliseconds since 1970)
streams        –                            → {GROUP: {STREAM: {created, events: [
                                               {timestamp, ingested, message}…]}}}
create_stream  group, stream                → {}; with its log group
delete_stream  group, stream                → {}
put_event      group, stream, message, timestamp=now → {}
age_stream     group, stream, seconds       → {}; the stream and its events, so much older
retention      group, days                  → {}; of the log group
dump           –                            → {group, instances, streams}: all that an agent could
                                               change, in a canonical order

Names for clients
hosted_zone    name                         → {id}; of Route 53
records        zone                         → {records: [{name, type, ttl, values}…]}
unpublish      zone, name, type             → {}; a record set is deleted
parameter      name                         → {value}, or {} without one; of Systems Manager

Faults (the first that selects a call wins; the commands above are never hit)
fault          kind, service=null, action=null, instance=null, seconds=0, probability=1,
               count=null, hide=[]          → {fault: NUMBER}
               kind:  throttle, denied, http500   the error in the shape of the service
                      reset                 no effect, TCP reset
                      hang                  no effect, silence for `seconds`, TCP reset
                      delay                 `seconds`, then the call
                      lost_reply            the call takes effect, then TCP reset
                      empty                 a well-formed answer without content (reads)
                      partial               DescribeInstances without the instances in `hide`
                      pages                 one reservation, log stream or event a page (reads)
                      stale                 the newest answer to the same question that is at least
                                            `seconds` old, else the oldest (reads)
               service: "ec2", "autoscaling", "logs", "route53", "ssm". `probability` is seeded by `start`.
clear_faults   fault=null                   → {applied: {NUMBER: times}}; one or all; calls that
                                               hang or wait go on at once
calls          –                            → {CALLER: {"service:Action": count}}; retries count;
                                               CALLER is an instance's id or another access key
reset_calls    –                            → {}
restrict       policy                       → {}; from now on every call of an instance is denied
                                               that this IAM policy (its document) does not allow
denied         –                            → {CALLER: {"service:Action": count}}: for that reason
"""

import json
import logging
import os
import signal
import sys
import time
import traceback

import clock
from aws import Aws, subnets_of
from faults import Rule, access_key
from front import Front
from imds import Metadata
from rights import Policy

OF_AN_INSTANCE = ("set_instance_health", "terminate_instance_in_auto_scaling_group")
TESTER = {"access_key": "ASIATESTER0000000000", "secret_key": "emulated"}


class Cloud:
    """One method for each command; its arguments are the command's."""

    def start(
        self,
        net: str,
        endpoint: str = "127.0.0.1",
        group: str = "zk",
        size: int = 0,
        zones: int = 3,
        region: str = "eu-west-1",
        imds_port: int = 1338,
        tags: dict | None = None,
        seed: int = 1,
        machines: bool = False,
        template: str | None = None,
        parameters: dict | None = None,
        namespaces: str | None = None,
    ):
        isolated = namespaces is not None
        subnets = subnets_of(net, zones, isolated)
        self._aws = Aws(region, machines)
        self._front = Front(self._aws.serve, seed)
        self._metadata = Metadata(
            imds_port, region, self._aws.at, self._aws.user_data, namespaces
        )
        url = self._front.listen(endpoint, isolated=isolated)
        vpc = f"{net}.0/24" if net.count(".") == 2 else net
        self._aws.set_up(url, group, subnets, vpc, tags or {}, template, parameters or {})
        return {
            "endpoint": url,
            "region": region,
            "group": group,
            "imds_port": imds_port,
            "security_group": self._aws.security_group,
            "tester": TESTER,
            "instances": self.launch(size)["instances"] if size else self._instances(),
        }

    def launch(self, count: int = 1):
        return self._new(lambda: self._aws.set_capacity(self._aws.desired() + count))

    def set_capacity(self, desired: int):
        return self._new(lambda: self._aws.set_capacity(desired))

    def terminate(self, instance: str, decrement: bool = False, hooks: bool = False):
        return self._new(lambda: self._aws.terminate(instance, decrement, hooks))

    def autoscaling(self, action: str, arguments: dict | None = None):
        # Some actions are of an instance, and do not take the name of its group.
        named = {} if action in OF_AN_INSTANCE else {"AutoScalingGroupName": self._aws.group}
        return self._aws.autoscaling(action, **named, **(arguments or {}))

    def call(self, service: str, action: str, arguments: dict | None = None):
        return self._aws.call(service, action, **(arguments or {}))

    def pass_time(self, seconds: float):
        clock.pass_time(seconds)

    def powered_off(self, instance: str):
        self._aws.powered_off(instance)

    def run_outside(
        self, count: int = 1, tags: dict | None = None, security_groups: list | None = None, zone: int = 0
    ):
        return self._new(lambda: self._aws.run_outside(count, tags or {}, security_groups or [], zone))

    def instances(self):
        return {"desired": self._aws.desired(), "instances": self._instances()}

    def set_lifecycle(self, instance: str, state: str):
        self._aws.set_lifecycle(instance, state)

    def set_state(self, instance: str, state: str):
        self._aws.ec2.set_state(instance, state)

    def stop_instance(self, instance: str):
        self._aws.power(instance, "stop")

    def start_instance(self, instance: str):
        self._aws.power(instance, "start")

    def reboot(self, instance: str):
        self._aws.power(instance, "reboot")

    def tag(self, instance: str, tags: dict):
        self._aws.ec2.tag(instance, tags)

    def forget(self, instance: str):
        self._aws.ec2.forget(instance)

    def age_instance(self, instance: str, seconds: float):
        self._aws.ec2.age(instance, seconds)

    def imds(
        self, instance: str, path: str, status: int | None = 200, body: str = "", seconds: float = 0.0
    ):
        self._metadata.override(instance, path, status, body, seconds)

    def streams(self):
        return self._aws.logs.streams()

    def create_stream(self, group: str, stream: str):
        self._aws.logs.create(group, stream)

    def delete_stream(self, group: str, stream: str):
        self._aws.logs.delete(group, stream)

    def put_event(self, group: str, stream: str, message: str, timestamp: int | None = None):
        self._aws.logs.put(group, stream, message, timestamp or int(time.time() * 1000))

    def age_stream(self, group: str, stream: str, seconds: float):
        self._aws.logs.age(group, stream, seconds)

    def hosted_zone(self, name: str):
        return {"id": self._aws.hosted_zone(name)}

    def records(self, zone: str):
        return {"records": self._aws.records(zone)}

    def unpublish(self, zone: str, name: str, type: str):
        self._aws.unpublish(zone, name, type)

    def parameter(self, name: str):
        value = self._aws.parameter(name)
        return {} if value is None else {"value": value}

    def retention(self, group: str, days: int):
        self._aws.logs.retain(group, days)

    def dump(self):
        return self._aws.dump()

    def fault(self, **rule):
        return {"fault": self._front.rules.add(Rule(**rule))}

    def clear_faults(self, fault: int | None = None):
        return {"applied": self._front.rules.clear(fault)}

    def calls(self):
        return self._front.calls([each["id"] for each in self._aws.instances()])

    def restrict(self, policy: dict):
        allowed = Policy(policy)
        tester = TESTER["access_key"]
        self._front.restrict(lambda call: call.key == tester or allowed.allows(self._aws.request(call)))

    def denied(self):
        return self._front.denied([each["id"] for each in self._aws.instances()])

    def reset_calls(self):
        self._front.reset_calls()

    def _new(self, change) -> dict:
        """Makes the change; the instances that it launched, their metadata servers running."""
        before = {each["id"] for each in self._aws.instances()}
        change()
        return {"instances": [each for each in self._instances() if each["id"] not in before]}

    def _instances(self) -> list[dict]:
        found = self._aws.instances()
        for each in found:
            self._metadata.serve(each["address"])
            each["imds"] = f"http://{each['address']}:{self._metadata.port}"
            each["access_key"] = access_key(each["id"])
        return found


def answer(cloud: Cloud, line: str) -> dict:
    """Carries out one command line."""
    try:
        command = json.loads(line)
        name = command.pop("cmd")
        if name.startswith("_") or not hasattr(Cloud, name):
            raise ValueError(f"unknown command {name!r}")
        if not hasattr(cloud, "_aws") and name != "start":
            raise ValueError("the first command is start")
        return {"ok": getattr(cloud, name)(**command) or {}}
    except Exception as failure:
        traceback.print_exc()
        return {"error": f"{type(failure).__name__}: {failure}"}


def main():
    # An interrupt from the terminal goes to the whole process group; ours to obey is stdin's end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    answers, sys.stdout = sys.stdout, sys.stderr
    cloud = Cloud()
    for line in sys.stdin:
        print(json.dumps(answer(cloud, line), sort_keys=True, default=str), file=answers, flush=True)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
