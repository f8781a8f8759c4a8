"""The cloud keeps its word: `python3 -m unittest` in this directory runs this and what is beside it."""

import json
import socket
import threading
import time
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from child import Child

GROUP = "/zookeeper/zk"


class CloudTest(unittest.TestCase):
    def setUp(self):
        self.cloud = Child(size=3)
        self.addCleanup(self.cloud.close)
        self.instances = self.cloud.started["instances"]
        self.logs = self.cloud.client("logs")
        self.ec2 = self.cloud.client("ec2")
        self.autoscaling = self.cloud.client("autoscaling")
        self.logs.create_log_group(logGroupName=GROUP)

    def listed(self) -> dict:
        answer = self.ec2.describe_instances()
        return {each["InstanceId"]: each for r in answer["Reservations"] for each in r["Instances"]}

    def code(self, call, **arguments) -> tuple[int, str]:
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        response = caught.exception.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]

    # The group

    def test_instances_are_spread_over_zones_with_addresses_of_their_own(self):
        self.assertEqual(
            [each["zone"] for each in self.instances], ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
        )
        addresses = {each["address"] for each in self.instances}
        self.assertEqual(len(addresses), 3)
        self.assertTrue(all(each.startswith("127.2.250.") for each in addresses))
        self.assertEqual({each["PrivateIpAddress"] for each in self.listed().values()}, addresses)

    def test_termination_launches_a_replacement_with_a_new_id_and_address(self):
        gone = self.instances[1]
        (replacement,) = self.cloud("terminate", instance=gone["id"])["instances"]
        self.assertNotIn(replacement["address"], {each["address"] for each in self.instances})
        self.assertEqual(replacement["zone"], gone["zone"])
        seen = self.listed()[gone["id"]]
        self.assertEqual(seen["State"]["Name"], "terminated")
        self.assertFalse(seen.get("PrivateIpAddress"))
        self.assertIn({"Key": "aws:autoscaling:groupName", "Value": "zk"}, seen["Tags"])
        self.assertEqual(self.cloud("instances")["desired"], 3)
        self.cloud("forget", instance=gone["id"])
        self.assertNotIn(gone["id"], self.listed())

    def test_termination_with_a_decrement_shrinks_the_group(self):
        answer = self.cloud("terminate", instance=self.instances[0]["id"], decrement=True)
        self.assertEqual(answer["instances"], [])
        self.assertEqual(self.cloud("instances")["desired"], 2)

    def test_launch_and_capacity_grow_the_group_and_an_outsider_does_not_belong(self):
        self.assertEqual(len(self.cloud("launch", count=2)["instances"]), 2)
        self.assertEqual(len(self.cloud("set_capacity", desired=6)["instances"]), 1)
        group = self.cloud.started["security_group"]
        (outsider,) = self.cloud("run_outside", tags={"role": "zk"}, security_groups=[group])["instances"]
        self.assertIsNone(outsider["lifecycle"])
        self.assertEqual(outsider["tags"], {"role": "zk"})
        self.assertEqual(self.listed()[outsider["id"]]["SecurityGroups"][0]["GroupId"], group)
        asg = self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        self.assertEqual(len(asg["Instances"]), 6)

    def test_states_of_ec2_and_of_the_group_are_set_at_will(self):
        first, second, third = (each["id"] for each in self.instances)
        self.cloud("set_lifecycle", instance=first, state="Standby")
        self.cloud("set_state", instance=second, state="shutting-down")
        self.cloud("stop_instance", instance=third)
        self.cloud("reboot", instance=first)
        members = self.autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"]
        lifecycle = {each["InstanceId"]: each["LifecycleState"] for each in members}
        self.assertEqual(lifecycle[first], "Standby")
        state = {key: each["State"]["Name"] for key, each in self.listed().items()}
        self.assertEqual(state, {first: "running", second: "shutting-down", third: "stopped"})

    # The log streams

    def test_of_fifty_claimants_one_wins(self):
        clients = [self.cloud.client("logs") for _ in range(50)]
        for turn in range(3):
            gate = threading.Barrier(len(clients))

            def claim(client):
                gate.wait()
                try:
                    client.create_log_stream(logGroupName=GROUP, logStreamName=str(turn))
                    return "won"
                except client.exceptions.ResourceAlreadyExistsException:
                    return "lost"

            with ThreadPoolExecutor(len(clients)) as pool:
                outcomes = list(pool.map(claim, clients))
            self.assertEqual((outcomes.count("won"), outcomes.count("lost")), (1, 49))

    def test_streams_are_made_spoilt_and_read_by_command(self):
        before = self.cloud("dump")
        self.assertEqual(self.cloud("dump"), before)
        self.cloud("create_stream", group=GROUP, stream="7")
        self.cloud("put_event", group=GROUP, stream="7", message="not json")
        fresh = self.cloud("streams")[GROUP]["7"]
        self.assertEqual([each["message"] for each in fresh["events"]], ["not json"])
        self.assertNotEqual(self.cloud("dump"), before)
        self.cloud("age_stream", group=GROUP, stream="7", seconds=600)
        (stream,) = self.logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
        self.assertEqual(stream["creationTime"], fresh["created"] - 600_000)
        self.cloud("delete_stream", group=GROUP, stream="7")
        self.assertEqual(self.cloud("dump"), before)

    # Faults

    def test_errors_have_the_shape_of_each_service(self):
        calls = (
            self.ec2.describe_instances,
            self.autoscaling.describe_auto_scaling_groups,
            self.logs.describe_log_groups,
        )
        expected = {
            "throttle": [(503, "RequestLimitExceeded"), (400, "Throttling"), (400, "ThrottlingException")],
            "denied": [(403, "UnauthorizedOperation"), (403, "AccessDenied"), (400, "AccessDeniedException")],
            "http500": [(500, "InternalError"), (500, "InternalFailure"), (500, "InternalFailure")],
        }
        for kind, codes in expected.items():
            with self.subTest(kind):
                self.cloud("fault", kind=kind)
                self.assertEqual([self.code(call) for call in calls], codes)
                self.assertEqual(list(self.cloud("clear_faults")["applied"].values()), [3])
        for call in calls:
            call()

    def test_a_reset_has_no_effect_and_a_lost_reply_has(self):
        for kind, stream in (("reset", "1"), ("lost_reply", "2")):
            self.cloud("fault", kind=kind, action="CreateLogStream", count=1)
            with self.assertRaises(ConnectionClosedError):
                self.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        self.assertEqual(list(self.cloud("streams")[GROUP]), ["2"])
        with self.assertRaises(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_stream(logGroupName=GROUP, logStreamName="2")

    def test_a_reset_is_a_tcp_reset(self):
        self.cloud("fault", kind="reset")
        address, port = self.cloud.started["endpoint"].removeprefix("http://").split(":")
        with socket.create_connection((address, int(port)), timeout=5) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            with self.assertRaises(ConnectionResetError):
                connection.recv(1)

    def test_a_hang_is_silence_and_a_delay_is_late(self):
        hasty = self.cloud.client("ec2", read_timeout=0.3)
        self.cloud("fault", kind="hang", seconds=60)
        with self.assertRaises(ReadTimeoutError):
            hasty.describe_instances()
        self.cloud("clear_faults")
        self.cloud("fault", kind="delay", seconds=0.4)
        started = time.monotonic()
        self.listed()
        self.assertGreaterEqual(time.monotonic() - started, 0.4)

    def test_an_empty_and_a_partial_answer_are_well_formed(self):
        self.cloud("create_stream", group=GROUP, stream="1")
        self.cloud("put_event", group=GROUP, stream="1", message="{}")
        number = self.cloud("fault", kind="empty")["fault"]
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.ec2.describe_tags()["Tags"], [])
        self.assertEqual(self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"], [])
        self.assertEqual(self.autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"], [])
        hooks = self.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="zk")
        self.assertEqual(hooks["LifecycleHooks"], [])
        self.assertEqual(self.logs.describe_log_groups()["logGroups"], [])
        self.assertEqual(self.logs.describe_log_streams(logGroupName=GROUP)["logStreams"], [])
        self.assertEqual(self.logs.get_log_events(logGroupName=GROUP, logStreamName="1")["events"], [])
        self.assertEqual(self.cloud("clear_faults", fault=number), {"applied": {str(number): 8}})
        first, *others = (each["id"] for each in self.instances)
        self.cloud("fault", kind="partial", hide=[first])
        self.assertEqual(set(self.listed()), set(others))

    def test_pages_of_one_hold_everything_together(self):
        for stream in ("1", "2"):
            self.cloud("create_stream", group=GROUP, stream=stream)
            for message in ("a", "b"):
                self.cloud("put_event", group=GROUP, stream=stream, message=message)

        def pages(client, call, **arguments):
            return list(client.get_paginator(call).paginate(**arguments))

        before = self.listed()
        self.cloud("fault", kind="pages")
        found = pages(self.ec2, "describe_instances", MaxResults=1000)
        sizes = [sum(len(r["Instances"]) for r in page["Reservations"]) for page in found]
        self.assertEqual((len(before), sizes), (3, [1, 1, 1]))
        for call, key, count in (("describe_log_streams", "logStreams", 2), ("filter_log_events", "events", 4)):
            found = pages(self.logs, call, logGroupName=GROUP)
            self.assertEqual([len(page[key]) for page in found], [1] * count)

    def test_a_stale_answer_is_the_one_from_before(self):
        before = self.listed()
        self.cloud("terminate", instance=self.instances[0]["id"])
        self.cloud("fault", kind="stale", seconds=3600, count=1)
        self.assertEqual(self.listed(), before)
        self.assertNotEqual(self.listed(), before)

    def test_a_fault_hits_its_instance_and_action_only(self):
        first, second = (self.cloud.client("ec2", each["access_key"]) for each in self.instances[:2])
        self.cloud("fault", kind="throttle", instance=self.instances[0]["id"], action="DescribeInstances")
        self.assertEqual(self.code(first.describe_instances), (503, "RequestLimitExceeded"))
        first.describe_tags()
        second.describe_instances()

    def test_a_probable_fault_hits_some_calls_by_its_seed(self):
        self.cloud("fault", kind="throttle", action="DescribeTags", probability=0.5)
        for _ in range(40):
            try:
                self.ec2.describe_tags()
            except ClientError:
                pass
        (applied,) = self.cloud("clear_faults")["applied"].values()
        self.assertTrue(5 < applied < 35, applied)

    def test_calls_are_counted_by_instance(self):
        self.cloud("reset_calls")
        instance = self.instances[0]
        agent = self.cloud.client("ec2", instance["access_key"])
        self.cloud("fault", kind="throttle", count=1)
        self.code(agent.describe_instances)
        agent.describe_instances()
        self.assertEqual(self.cloud("calls"), {instance["id"]: {"ec2:DescribeInstances": 2}})
        self.cloud("reset_calls")
        self.assertEqual(self.cloud("calls"), {})

    # Metadata

    def metadata(self, instance, path, method="GET", **headers) -> tuple[int, str]:
        request = urllib.request.Request(instance["imds"] + path, method=method)
        for name, value in headers.items():
            request.add_header("x-aws-ec2-metadata-" + name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if method == "PUT":
                    self.assertEqual(answer.headers["x-aws-ec2-metadata-token-ttl-seconds"], "60")
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as failure:
            with failure:
                return failure.code, ""

    def test_metadata_needs_a_token_and_answers_for_its_instance(self):
        instance = self.instances[2]
        status, token = self.metadata(instance, "/latest/api/token", "PUT", token_ttl_seconds="60")
        self.assertEqual(status, 200)
        self.assertEqual(self.metadata(instance, "/latest/api/token", "PUT")[0], 400)
        self.assertEqual(self.metadata(instance, "/latest/meta-data/instance-id")[0], 401)

        def get(path):
            return self.metadata(instance, f"/latest/{path}", token=token)

        for path, body in (
            ("meta-data/instance-id", instance["id"]),
            ("meta-data/local-ipv4", instance["address"]),
            ("meta-data/placement/availability-zone", "eu-west-1c"),
            ("meta-data/placement/region", "eu-west-1"),
            ("meta-data/autoscaling/target-lifecycle-state", "InService"),
            ("meta-data/tags/instance/aws:autoscaling:groupName", "zk"),
            ("meta-data/iam/security-credentials/", "zookeeper"),
        ):
            self.assertEqual(get(path), (200, body))
        self.assertEqual(get("meta-data/spot/instance-action")[0], 404)
        self.assertEqual(get("meta-data/events/recommendations/rebalance")[0], 404)
        credentials = json.loads(get("meta-data/iam/security-credentials/zookeeper")[1])
        self.assertEqual(credentials["AccessKeyId"], instance["access_key"])
        document = json.loads(get("dynamic/instance-identity/document")[1])
        self.assertEqual(document["instanceId"], instance["id"])
        other = self.metadata(self.instances[0], "/latest/meta-data/instance-id", token=token)
        self.assertEqual(other[0], 401)

    def test_metadata_says_what_a_test_wants(self):
        instance = self.instances[0]
        path = "/latest/meta-data/local-ipv4"
        _, token = self.metadata(instance, "/latest/api/token", "PUT", token_ttl_seconds="60")
        self.cloud("imds", instance=instance["id"], path=path, body="999.1.1.1")
        self.assertEqual(self.metadata(instance, path, token=token), (200, "999.1.1.1"))
        self.cloud("imds", instance=instance["id"], path=path, status=503)
        self.assertEqual(self.metadata(instance, path, token=token)[0], 503)
        self.cloud("imds", instance=instance["id"], path=path, status=None)
        self.assertEqual(self.metadata(instance, path, token=token), (200, instance["address"]))

    # The process

    def test_a_bad_command_is_an_error_and_the_cloud_goes_on(self):
        for cmd, arguments in (
            ("no_such", {}),
            ("fault", {"kind": "flood"}),
            ("fault", {"kind": "hang"}),
            ("reboot", {"instance": "i-0"}),
        ):
            with self.assertRaises(RuntimeError):
                self.cloud(cmd, **arguments)
        self.assertEqual(len(self.cloud("instances")["instances"]), 3)


class ProcessTest(unittest.TestCase):
    def test_the_end_of_stdin_ends_everything_even_a_hanging_call(self):
        cloud = Child()
        cloud("fault", kind="hang", seconds=600)
        hasty = cloud.client("ec2", read_timeout=0.3)
        with self.assertRaises(ReadTimeoutError):
            hasty.describe_instances()
        self.assertEqual(cloud.close(), 0)


if __name__ == "__main__":
    unittest.main()
