"""Instances wait for lifecycle hooks as they do on AWS."""

import unittest
import urllib.request

from botocore.exceptions import ClientError
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import LifecycleHook

import clock
from child import Child
from lifecycle import ABANDON, CONTINUE, LAUNCHING, TERMINATING, Lifecycle


class ActionTest(unittest.TestCase):
    """The waits themselves, without a cloud."""

    def setUp(self):
        self.lifecycle = Lifecycle()

    def begin(self, *names, heartbeat=30, transition=TERMINATING, result=ABANDON):
        self.lifecycle.begin(
            "i-1", [LifecycleHook(name, "zk", transition, heartbeat, result) for name in names]
        )

    def test_all_hooks_of_a_transition_are_waited_for(self):
        self.begin("a", "b")
        self.lifecycle.complete("a", None, "i-1", CONTINUE)
        self.assertIsNone(self.lifecycle.outcome("i-1"))
        self.lifecycle.complete("b", None, "i-1", CONTINUE)
        self.assertEqual(self.lifecycle.outcome("i-1"), CONTINUE)

    def test_one_abandon_ends_the_wait_for_all_hooks(self):
        self.begin("a", "b")
        self.lifecycle.complete("a", None, "i-1", ABANDON)
        self.assertEqual(self.lifecycle.outcome("i-1"), ABANDON)

    def test_a_wait_times_out_with_the_hook_s_default_result(self):
        for result in (CONTINUE, ABANDON):
            self.begin("a", result=result)
            clock.pass_time(29)
            self.assertIsNone(self.lifecycle.outcome("i-1"))
            clock.pass_time(1)
            self.assertEqual(self.lifecycle.outcome("i-1"), result)
            self.lifecycle.end("i-1")

    def test_heartbeats_restart_the_time_out_up_to_a_hundred_times_its_length(self):
        self.begin("a")
        for _ in range(103):
            clock.pass_time(29)
            self.assertIsNone(self.lifecycle.outcome("i-1"))
            self.lifecycle.heartbeat("a", None, "i-1")
        clock.pass_time(3000 - 103 * 29)
        self.assertEqual(self.lifecycle.outcome("i-1"), ABANDON)

    def test_heartbeats_extend_a_wait_to_48_hours_at_most(self):
        self.begin("a", heartbeat=7200)
        for _ in range(24):
            clock.pass_time(7199)
            self.lifecycle.heartbeat("a", None, "i-1")
        self.assertIsNone(self.lifecycle.outcome("i-1"))
        clock.pass_time(24)
        self.assertEqual(self.lifecycle.outcome("i-1"), ABANDON)

    def test_an_action_is_named_by_its_instance_or_by_its_token(self):
        self.begin("a")
        token = self.lifecycle._actions[0].token
        for hook, known, instance, words in (
            ("b", None, "i-1", "instance ID i-1"),
            ("a", None, "i-2", "instance ID i-2"),
            ("a", "other", "i-1", "token other"),
        ):
            with self.assertRaises(ValidationError) as caught:
                self.lifecycle.complete(hook, known, instance, CONTINUE)
            self.assertEqual(caught.exception.message, f"No active Lifecycle Action found with {words}")
        self.lifecycle.heartbeat("a", token, None)
        self.lifecycle.complete("a", token, None, CONTINUE)
        with self.assertRaises(ValidationError):
            self.lifecycle.heartbeat("a", token, None)

    def test_a_deleted_hook_holds_nobody(self):
        for transition, result in ((LAUNCHING, ABANDON), (TERMINATING, CONTINUE)):
            self.begin("a", transition=transition)
            self.lifecycle.forget_hook("a")
            self.assertEqual(self.lifecycle.outcome("i-1"), result)
            self.lifecycle.end("i-1")


class HookTest(unittest.TestCase):
    """The group, by the API that the agents use."""

    def setUp(self):
        self.cloud = Child(size=3, machines=True)
        self.addCleanup(self.cloud.close)
        self.ids = [each["id"] for each in self.cloud.started["instances"]]
        self.autoscaling = self.cloud.client("autoscaling")

    def put(self, name, transition, **more):
        self.autoscaling.put_lifecycle_hook(
            LifecycleHookName=name, AutoScalingGroupName="zk", LifecycleTransition=transition, **more
        )

    def complete(self, hook, instance, result=CONTINUE):
        self.autoscaling.complete_lifecycle_action(
            LifecycleHookName=hook,
            AutoScalingGroupName="zk",
            InstanceId=instance,
            LifecycleActionResult=result,
        )

    def members(self) -> dict[str, str]:
        (group,) = self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return {each["InstanceId"]: each["LifecycleState"] for each in group["Instances"]}

    def instance(self, wanted) -> dict:
        (found,) = [each for each in self.cloud("instances")["instances"] if each["id"] == wanted]
        return found

    def target(self, instance) -> str:
        """What IMDS says."""
        imds = self.instance(instance)["imds"] + "/latest/"
        ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
        asked = urllib.request.Request(imds + "api/token", method="PUT", headers=ttl)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            token = {"x-aws-ec2-metadata-token": answer.read().decode()}
        path = "meta-data/autoscaling/target-lifecycle-state"
        with urllib.request.urlopen(urllib.request.Request(imds + path, headers=token), timeout=5) as answer:
            return answer.read().decode()

    def test_a_launch_waits_for_its_hook_and_is_abandoned_and_replaced_without(self):
        self.put("launch", LAUNCHING, HeartbeatTimeout=30)
        (first,) = self.cloud("launch")["instances"]
        self.assertEqual((first["lifecycle"], first["state"]), ("Pending:Wait", "running"))
        self.assertEqual(self.target(first["id"]), "InService")
        before = self.cloud("dump")
        self.assertEqual(self.cloud("dump"), before)
        self.autoscaling.record_lifecycle_action_heartbeat(
            LifecycleHookName="launch", AutoScalingGroupName="zk", InstanceId=first["id"]
        )
        self.assertNotEqual(self.cloud("dump"), before)
        self.complete("launch", first["id"])
        self.assertEqual(self.members()[first["id"]], "InService")
        with self.assertRaises(ClientError) as caught:
            self.complete("launch", first["id"])
        self.assertEqual(
            caught.exception.response["Error"],
            {
                "Type": "Sender",
                "Code": "ValidationError",
                "Message": f"No active Lifecycle Action found with instance ID {first['id']}",
            },
        )

        (second,) = self.cloud("launch")["instances"]
        self.complete("launch", second["id"], ABANDON)
        self.assertEqual(self.members()[second["id"]], "Terminating")
        (third,) = [each for each, state in self.members().items() if state == "Pending:Wait"]
        self.cloud("pass_time", seconds=30)
        self.assertEqual(self.members()[third], "Terminating")
        statuses = [each["StatusCode"] for each in self.autoscaling.describe_scaling_activities()["Activities"]]
        self.assertEqual((statuses.count("Cancelled"), statuses.count("MidLifecycleAction")), (2, 1))

    def test_a_termination_waits_for_its_hook_while_the_replacement_is_launched(self):
        self.put("leave", TERMINATING)
        (replacement,) = self.cloud("terminate", instance=self.ids[1], hooks=True)["instances"]
        self.assertEqual(replacement["lifecycle"], "InService")
        self.assertEqual(replacement["zone"], "eu-west-1b")
        leaving = self.instance(self.ids[1])
        self.assertEqual((leaving["lifecycle"], leaving["state"]), ("Terminating:Wait", "running"))
        self.assertEqual(self.target(self.ids[1]), "Terminated")
        with self.assertRaisesRegex(RuntimeError, "ScalingActivityInProgress"):
            self.cloud("terminate", instance=self.ids[1], hooks=True)
        self.complete("leave", self.ids[1])
        leaving = self.instance(self.ids[1])
        self.assertEqual((leaving["lifecycle"], leaving["state"]), ("Terminating:Proceed", "shutting-down"))
        self.cloud("powered_off", instance=self.ids[1])
        leaving = self.instance(self.ids[1])
        self.assertEqual((leaving["lifecycle"], leaving["state"]), (None, "terminated"))
        self.assertEqual(leaving["tags"]["aws:autoscaling:groupName"], "zk")
        with self.assertRaises(RuntimeError):
            self.cloud("powered_off", instance=self.ids[1])

    def test_an_abrupt_death_is_held_by_no_hook(self):
        self.put("leave", TERMINATING)
        self.cloud("terminate", instance=self.ids[0])
        self.cloud.client("ec2").terminate_instances(InstanceIds=[self.ids[1]])
        for gone in self.ids[:2]:
            self.assertEqual(self.instance(gone)["state"], "terminated")
        self.assertEqual(list(self.members().values()), ["InService"] * 3)
        self.cloud("terminate", instance=self.ids[2], hooks=True)
        self.cloud("terminate", instance=self.ids[2])
        self.assertEqual(list(self.members().values()), ["InService"] * 3)

    def test_hooks_are_described_updated_and_deleted(self):
        self.put("leave", TERMINATING, HeartbeatTimeout=60)
        (hook,) = self.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="zk")["LifecycleHooks"]
        expected = {
            "LifecycleHookName": "leave",
            "AutoScalingGroupName": "zk",
            "LifecycleTransition": TERMINATING,
            "HeartbeatTimeout": 60,
            "GlobalTimeout": 6000,
            "DefaultResult": "ABANDON",
        }
        self.assertEqual(hook, expected)
        longer = {"LifecycleHookName": "leave", "HeartbeatTimeout": 7200}
        self.cloud("autoscaling", action="put_lifecycle_hook", arguments=longer)
        (hook,) = self.cloud("autoscaling", action="describe_lifecycle_hooks")["LifecycleHooks"]
        self.assertEqual(hook, expected | {"HeartbeatTimeout": 7200, "GlobalTimeout": 172800})
        for wrong in (
            {"name": "new", "transition": ""},
            {"name": "new", "transition": TERMINATING, "HeartbeatTimeout": 29},
            {"name": "new", "transition": TERMINATING, "DefaultResult": "PERHAPS"},
        ):
            with self.assertRaisesRegex(ClientError, "ValidationError"):
                self.put(**wrong)
        self.cloud("terminate", instance=self.ids[0], hooks=True)
        self.autoscaling.delete_lifecycle_hook(LifecycleHookName="leave", AutoScalingGroupName="zk")
        self.assertEqual(self.members()[self.ids[0]], "Terminating:Proceed")
        with self.assertRaisesRegex(ClientError, "No Lifecycle Hook found"):
            self.autoscaling.delete_lifecycle_hook(LifecycleHookName="leave", AutoScalingGroupName="zk")


if __name__ == "__main__":
    unittest.main()
