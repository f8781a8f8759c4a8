"""moto in this process: a VPC on loopback addresses, one Auto Scaling group, the log streams.

moto is called as a WSGI application under one lock. Without it, CreateLogStream is check-then-set
and a race has several winners.
"""

import os

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

import threading
from base64 import b64decode
from ipaddress import ip_network

import boto3
from botocore.config import Config
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

import faithful
import names
import stack
from faults import Call, Reply
from front import CONTROL_KEY
from group import Group
from instances import Instances
from log_streams import LogStreams
from rights import Request, request_of

MAX_SIZE = 1000


def subnets_of(net: str, zones: int, isolated: bool = False) -> list[str]:
    """Equal blocks of the net, one a zone: of quarters where there is more than one zone.

    "127.2.1" is short for 127.2.1.0/24.
    """
    block = ip_network(f"{net}.0/24" if net.count(".") == 2 else net)
    usable = block.is_private if isolated else block.is_loopback
    if not usable or not 1 <= zones <= 4 or not 16 <= block.prefixlen <= 26:
        kind = "private" if isolated else "loopback"
        raise ValueError(f"a {kind} /16 to /26 and one to four zones, not {net} and {zones}")
    blocks = [block] if zones == 1 else list(block.subnets(prefixlen_diff=2))
    return [str(each) for each in blocks[:zones]]


def region_backend(service: str, region: str):
    """moto's model of a service."""
    return get_backend(service)[DEFAULT_ACCOUNT_ID][region]


class Aws:
    """The emulated account. The front gives `self.serve` an address; then `set_up` makes a group.

    `machines`: whether somebody runs the instances' machines, and tells when one is `powered_off`.
    """

    def __init__(self, region: str, machines: bool):
        self.region = region
        self._machines = machines
        self.group = ""
        self.security_group = ""
        self._subnets: list[str] = []
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.RLock()
        self._addresses: dict[str, str] = {}
        self._clients: dict[str, object] = {}
        self.logs: LogStreams | None = None
        self.ec2 = Instances(self._ec2, self._lock)
        faithful.install()

    def serve(self, method: str, path: str, query: str, headers, body: bytes) -> Reply:
        """One request, answered by moto."""
        environ = EnvironBuilder(
            path=path, query_string=query, method=method, headers=list(headers.items()), data=body
        ).get_environ()
        with self._lock:
            self._advance()
            chunks, status, answered = run_wsgi_app(self._app, environ, buffered=True)
            self._advance()
            return Reply(int(status.split()[0]), list(answered), b"".join(chunks))

    def set_up(
        self,
        endpoint: str,
        group: str,
        subnets: list[str],
        vpc: str,
        tags: dict[str, str],
        template: str | None,
        parameters: dict[str, str],
    ):
        """Creates the VPC, and an empty Auto Scaling group or the one of a stack's template."""
        self._endpoint = endpoint
        ec2 = self._client("ec2")
        self.group = group
        vpc_id = ec2.create_vpc(CidrBlock=vpc)["Vpc"]["VpcId"]
        for letter, block in zip("abcd", subnets):
            subnet = ec2.create_subnet(
                VpcId=vpc_id, CidrBlock=block, AvailabilityZone=self.region + letter
            )
            self._subnets.append(subnet["Subnet"]["SubnetId"])
        if template is None:
            self._create_group(vpc_id, tags)
        else:
            given = {"VpcId": vpc_id, "SubnetIds": ",".join(self._subnets), **parameters}
            stack.create(self._client("cloudformation"), group, template, given)
        # The first call of each service builds its backend: nobody's race shall pay for it.
        self._client("logs").describe_log_groups()
        self.logs = LogStreams(self._client("logs"), region_backend("logs", self.region), self._lock)

    def _create_group(self, vpc: str, tags: dict[str, str]):
        ec2, group = self._client("ec2"), self.group
        made = ec2.create_security_group(GroupName=group, Description="servers", VpcId=vpc)
        self.security_group = made["GroupId"]
        template = ec2.create_launch_template(
            LaunchTemplateName=f"{group}-template",
            LaunchTemplateData={
                "ImageId": "ami-12345678",
                "InstanceType": "t3.small",
                "SecurityGroupIds": [self.security_group],
            },
        )["LaunchTemplate"]["LaunchTemplateId"]
        self._client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=group,
            MinSize=0,
            MaxSize=MAX_SIZE,
            DesiredCapacity=0,
            VPCZoneIdentifier=",".join(self._subnets),
            LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
            Tags=[
                {"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()
            ],
        )
        # AWS's own default; moto's is 300 s, even when 0 is asked for.
        self._asg().health_check_grace_period = 0

    def _client(self, service: str):
        """One of the cloud's own, which no fault hits."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self._endpoint,
                region_name=self.region,
                aws_access_key_id=CONTROL_KEY,
                aws_secret_access_key="emulated",
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
            )
        return self._clients[service]

    def call(self, service: str, action: str, **arguments) -> dict:
        """Any call, as an operator with every right makes it; its answer."""
        answer = getattr(self._client(service), action)(**arguments)
        answer.pop("ResponseMetadata")
        return answer

    # The instances

    def instances(self) -> list[dict]:
        """Every instance of the account that EC2 still lists, in the order of their launch."""
        with self._lock:
            self._advance()
            listed = self._members()
            return [
                {
                    "id": each.id,
                    "address": self._address(each),
                    "zone": each.placement.zone,
                    "state": each._state.name,
                    "lifecycle": listed[each.id].lifecycle_state if each.id in listed else None,
                    "protected": each.id in listed and listed[each.id].protected_from_scale_in,
                    "health": listed[each.id].health_status if each.id in listed else None,
                    "launched": each.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "tags": self._tags(each.id),
                }
                for each in self._all()
            ]

    def at(self, address: str) -> dict | None:
        """The newest instance with this address."""
        found = [each for each in self.instances() if each["address"] == address]
        return found[-1] if found else None

    def desired(self) -> int:
        return self._asg().desired_capacity

    def set_capacity(self, desired: int):
        self.autoscaling("set_desired_capacity", AutoScalingGroupName=self.group, DesiredCapacity=desired)

    def terminate(self, instance: str, decrement: bool, hooks: bool):
        """Terminates: at once, or by the group, whose hooks hold it."""
        if hooks:
            self.autoscaling(
                "terminate_instance_in_auto_scaling_group",
                InstanceId=instance,
                ShouldDecrementDesiredCapacity=decrement,
            )
            return
        # In one step: in between, the group would choose one more that is to go.
        with self._lock:
            self._ec2().terminate_instances([instance])
            if instance in self._members():
                self._asg().desired_capacity -= int(decrement)
                Group.of(self._asg()).died(instance)
            self._advance()

    def autoscaling(self, action: str, **arguments) -> dict:
        """A call of EC2 Auto Scaling, as an operator makes it; its answer."""
        return self.call("autoscaling", action, **arguments)

    def hosted_zone(self, name: str) -> str:
        """Makes a hosted zone; its id."""
        made = self._client("route53").create_hosted_zone(Name=name, CallerReference=name)
        return made["HostedZone"]["Id"].rpartition("/")[2]

    def records(self, zone: str) -> list[dict]:
        with self._lock:
            return names.records(region_backend("route53", "aws").get_hosted_zone(zone))

    def unpublish(self, zone: str, name: str, kind: str):
        with self._lock:
            names.delete(region_backend("route53", "aws").get_hosted_zone(zone), name, kind)

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, if it is there."""
        found = self._client("ssm").get_parameters(Names=[name])["Parameters"]
        return found[0]["Value"] if found else None

    def powered_off(self, instance: str):
        """The machine of an instance that was shutting down has stopped for good."""
        with self._lock:
            Group.of(self._asg()).powered_off(instance)

    def run_outside(self, count: int, tags: dict[str, str], security_groups: list[str], zone: int):
        """Runs instances that do not belong to the group."""
        named = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._client("ec2").run_instances(
            ImageId="ami-12345678",
            InstanceType="t3.small",
            MinCount=count,
            MaxCount=count,
            SubnetId=self._subnets[zone],
            SecurityGroupIds=security_groups,
            **({"TagSpecifications": [{"ResourceType": "instance", "Tags": named}]} if named else {}),
        )

    def power(self, instance: str, action: str):
        """Stops, starts or reboots, as EC2's API does."""
        getattr(self._client("ec2"), f"{action}_instances")(InstanceIds=[instance])

    def set_lifecycle(self, instance: str, state: str):
        """What the group shall say of a member. The capacity is not touched."""
        with self._lock:
            Group.of(self._asg()).hold(instance, state)

    def request(self, call: Call) -> Request:
        """What a call is about, as IAM sees it."""
        return request_of(call, self.region, self._group_of, self._tags)

    def _group_of(self, instance: str) -> str | None:
        with self._lock:
            for group in region_backend("autoscaling", self.region).autoscaling_groups.values():
                if any(each.instance.id == instance for each in group.instance_states):
                    return group.name
        return None

    def user_data(self, instance: str) -> str | None:
        """What the launch template gives to an instance, as its metadata tell it."""
        with self._lock:
            data = self._ec2().get_instance(instance).user_data
            return data and b64decode(str(data)).decode()

    def dump(self) -> dict:
        """Everything that an agent could change."""
        with self._lock:
            asg = self._asg()
            return {
                "group": {
                    "desired": asg.desired_capacity,
                    "min": asg.min_size,
                    "max": asg.max_size,
                    "suspended": sorted(asg.suspended_processes),
                    "waits": Group.of(asg).lifecycle.waits(),
                },
                "instances": {each["id"]: each for each in self.instances()},
                "streams": self.logs.streams(),
            }

    def _advance(self):
        """Brings the groups up to date; where nobody runs machines, they stop at once."""
        groups = region_backend("autoscaling", self.region).autoscaling_groups
        for group in [Group.of(each) for each in groups.values()]:
            group.advance()
            while not self._machines and group.shutting_down():
                for instance in group.shutting_down():
                    group.powered_off(instance)
                group.advance()

    # moto's models

    def _ec2(self):
        return region_backend("ec2", self.region)

    def _asg(self):
        backend = region_backend("autoscaling", self.region)
        return backend.autoscaling_groups[self.group]

    def _members(self) -> dict:
        return {each.instance.id: each for each in self._asg().instance_states}

    def _all(self):
        for reservation in self._ec2().reservations.values():
            yield from reservation.instances

    def _address(self, instance) -> str:
        """The address that the instance has, or had before it was terminated."""
        return self._addresses.setdefault(instance.id, instance.private_ip)

    def _tags(self, instance: str) -> dict[str, str]:
        with self._lock:
            found = self._ec2().describe_tags({"resource-id": [instance]})
        return {tag["key"]: tag["value"] for tag in sorted(found, key=lambda tag: tag["key"])}
