"""The group keeps its capacity, and refreshes its instances, as it does on AWS."""

import unittest

from botocore.exceptions import ClientError

from child import Child
from lifecycle import LAUNCHING, TERMINATING


class ScalingTest(unittest.TestCase):
    def setUp(self):
        self.cloud = Child(size=3)
        self.addCleanup(self.cloud.close)
        self.ids = [each["id"] for each in self.cloud.started["instances"]]
        self.autoscaling = self.cloud.client("autoscaling")

    def members(self) -> dict[str, dict]:
        (group,) = self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return {each["InstanceId"]: each for each in group["Instances"]}

    def states(self) -> dict[str, str]:
        return {key: each["LifecycleState"] for key, each in self.members().items()}

    def put(self, name, transition):
        arguments = {"LifecycleHookName": name, "LifecycleTransition": transition}
        self.cloud("autoscaling", action="put_lifecycle_hook", arguments=arguments)

    def complete(self, hook, instance):
        self.autoscaling.complete_lifecycle_action(
            LifecycleHookName=hook,
            AutoScalingGroupName="zk",
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )

    def protect(self, *instances, on=True):
        self.autoscaling.set_instance_protection(
            InstanceIds=list(instances), AutoScalingGroupName="zk", ProtectedFromScaleIn=on
        )

    def desire(self, capacity):
        self.autoscaling.set_desired_capacity(AutoScalingGroupName="zk", DesiredCapacity=capacity)

    def refuses(self, words, call, **arguments):
        with self.assertRaisesRegex(ClientError, words):
            call(**arguments)

    # Capacity

    def test_scale_in_takes_the_oldest_unprotected_of_the_fullest_zone(self):
        (fourth,) = self.cloud("launch")["instances"]
        self.assertEqual(fourth["zone"], "eu-west-1a")
        self.cloud("age_instance", instance=self.ids[1], seconds=10)
        self.cloud("age_instance", instance=fourth["id"], seconds=5)
        self.desire(3)
        self.assertEqual(list(self.states()), self.ids)
        self.cloud("age_instance", instance=self.ids[2], seconds=20)
        self.protect(self.ids[2])
        self.desire(2)
        self.assertEqual(list(self.states()), [self.ids[0], self.ids[2]])

    def test_a_group_of_protected_instances_waits_until_one_is_not(self):
        self.protect(*self.ids)
        self.desire(1)
        self.assertEqual([each["ProtectedFromScaleIn"] for each in self.members().values()], [True] * 3)
        (activity,) = self.autoscaling.describe_scaling_activities()["Activities"][:1]
        self.assertIn("all remaining instances are protected", activity["Description"])
        self.put("leave", TERMINATING)
        self.protect(self.ids[1], on=False)
        expected = dict.fromkeys(self.ids, "InService") | {self.ids[1]: "Terminating:Wait"}
        self.assertEqual(self.states(), expected)
        self.complete("leave", self.ids[1])
        self.assertEqual(set(self.states()), {self.ids[0], self.ids[2]})

    def test_protection_is_for_members_in_service(self):
        self.put("launch", LAUNCHING)
        (pending,) = self.cloud("launch")["instances"]
        with self.assertRaisesRegex(ClientError, f"The instance {pending['id']} is not in InService or"):
            self.protect(pending["id"])
        with self.assertRaisesRegex(ClientError, "The instance i-0 is not part of Auto Scaling group zk."):
            self.protect(self.ids[0], "i-0")
        self.assertFalse(self.members()[self.ids[0]]["ProtectedFromScaleIn"])

    def test_an_unhealthy_instance_is_replaced_at_once_though_it_is_protected(self):
        self.put("leave", TERMINATING)
        self.protect(self.ids[0])
        self.autoscaling.set_instance_health(InstanceId=self.ids[0], HealthStatus="Unhealthy")
        leaving = self.members()[self.ids[0]]
        self.assertEqual((leaving["HealthStatus"], leaving["LifecycleState"]), ("Unhealthy", "Terminating:Wait"))
        self.assertEqual(sorted(self.states().values()), ["InService"] * 3 + ["Terminating:Wait"])
        self.refuses(
            "ValidationError",
            self.autoscaling.set_instance_health,
            InstanceId=self.ids[0],
            HealthStatus="Healthy",
        )

    def test_a_grace_period_protects_the_new_unless_it_is_not_respected(self):
        self.autoscaling.update_auto_scaling_group(AutoScalingGroupName="zk", HealthCheckGracePeriod=300)
        unhealthy = {"HealthStatus": "Unhealthy"}
        self.autoscaling.set_instance_health(InstanceId=self.ids[0], **unhealthy)
        self.assertEqual(self.members()[self.ids[0]]["HealthStatus"], "Healthy")
        self.autoscaling.set_instance_health(
            InstanceId=self.ids[1], ShouldRespectGracePeriod=False, **unhealthy
        )
        self.assertNotIn(self.ids[1], self.states())
        self.cloud("pass_time", seconds=300)
        self.autoscaling.set_instance_health(InstanceId=self.ids[0], **unhealthy)
        self.assertNotIn(self.ids[0], self.states())

    def test_requests_that_cannot_be_are_refused(self):
        api = self.autoscaling
        api.update_auto_scaling_group(AutoScalingGroupName="zk", MinSize=3, MaxSize=4)
        self.refuses("above max value 4", api.set_desired_capacity, AutoScalingGroupName="zk", DesiredCapacity=5)
        self.refuses("below min value 3", api.set_desired_capacity, AutoScalingGroupName="zk", DesiredCapacity=2)
        self.refuses("not found", api.set_desired_capacity, AutoScalingGroupName="other", DesiredCapacity=3)
        for decrement, instance, words in ((True, self.ids[0], "equals minSize"), (False, "i-0", "No managed")):
            self.refuses(
                words,
                api.terminate_instance_in_auto_scaling_group,
                InstanceId=instance,
                ShouldDecrementDesiredCapacity=decrement,
            )
        self.assertEqual(list(self.states()), self.ids)

    def test_a_member_whose_state_is_held_counts_and_is_left_alone(self):
        self.cloud("set_lifecycle", instance=self.ids[0], state="Standby")
        self.assertEqual(self.cloud("set_capacity", desired=3)["instances"], [])
        self.desire(1)
        self.assertEqual(list(self.states().values()), ["Standby"])
        self.cloud("set_lifecycle", instance=self.ids[0], state="InService")
        self.desire(0)
        self.assertEqual(self.states(), {})

    # Instance refresh

    def refresh(self, **preferences):
        given = {"arguments": {"Preferences": preferences}} if preferences else {}
        self.cloud("autoscaling", action="start_instance_refresh", **given)

    def progress(self) -> tuple[str, int, int]:
        last = self.autoscaling.describe_instance_refreshes(AutoScalingGroupName="zk")["InstanceRefreshes"][0]
        return last["Status"], last["PercentageComplete"], last["InstancesToUpdate"]

    def in_state(self, state) -> list[str]:
        return [key for key, each in self.states().items() if each == state]

    def test_a_refresh_terminates_and_launches_one_at_a_time_paced_by_the_launch_hook(self):
        self.put("launch", LAUNCHING)
        self.put("leave", TERMINATING)
        self.refresh()
        for turn, gone in enumerate(self.ids):
            self.assertEqual(self.progress()[0], "InProgress")
            # A termination that a hook holds up paces nothing: the next one begins all the same.
            self.assertEqual(self.in_state("Terminating:Wait"), self.ids[: turn + 1])
            (new,) = self.in_state("Pending:Wait")
            zones = [each["AvailabilityZone"] for each in self.members().values()]
            self.assertEqual(zones.count(self.members()[gone]["AvailabilityZone"]), 2)
            self.complete("launch", new)
        self.assertEqual(self.progress(), ("Successful", 100, 0))
        for gone in self.ids:
            self.complete("leave", gone)
        self.assertEqual(list(self.states().values()), ["InService"] * 3)

    def test_a_refresh_with_room_above_launches_first(self):
        for preferences in (
            {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 110},
            {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 100},
            {"MinHealthyPercentage": 100},
        ):
            with self.subTest(preferences):
                self.put("launch", LAUNCHING)
                before = self.in_state("InService")
                self.refresh(**preferences)
                for turn in range(3):
                    self.assertEqual(len(self.in_state("InService")), 3)
                    self.assertEqual(self.progress(), ("InProgress", 100 * turn // 3, 3 - turn))
                    (new,) = self.in_state("Pending:Wait")
                    self.complete("launch", new)
                self.assertEqual(self.progress(), ("Successful", 100, 0))
                self.assertEqual(len(self.states()), 3)
                self.assertFalse(set(before) & set(self.states()))

    def test_a_refresh_without_a_minimum_replaces_all_at_once(self):
        self.put("leave", TERMINATING)
        self.refresh(MinHealthyPercentage=0)
        self.assertEqual(self.in_state("Terminating:Wait"), self.ids)
        self.assertEqual(len(self.in_state("InService")), 3)

    def test_a_refresh_waits_for_the_protected_for_an_hour(self):
        self.protect(*self.ids)
        self.refresh()
        self.assertEqual(self.progress(), ("InProgress", 0, 3))
        self.protect(self.ids[1], on=False)
        self.assertEqual(self.progress(), ("InProgress", 33, 2))
        self.assertNotIn(self.ids[1], self.states())
        self.cloud("pass_time", seconds=3599)
        self.assertEqual(self.progress()[0], "InProgress")
        self.cloud("pass_time", seconds=1)
        self.assertEqual(self.progress(), ("Failed", 33, 2))
        self.refresh(ScaleInProtectedInstances="Ignore")
        self.assertEqual(self.progress(), ("Successful", 100, 0))
        self.assertEqual(list(self.states())[:2], [self.ids[0], self.ids[2]])
        self.refresh(ScaleInProtectedInstances="Refresh")
        self.assertFalse(set(self.ids) & set(self.states()))

    def test_a_refresh_waits_for_the_warm_up_of_each_replacement(self):
        self.cloud("pass_time", seconds=60)
        self.refresh(InstanceWarmup=60)
        for left in (2, 1, 0):
            self.assertEqual(len(set(self.ids) & set(self.states())), left)
            self.assertEqual(self.progress()[0], "InProgress")
            self.cloud("pass_time", seconds=60)
        self.assertEqual(self.progress(), ("Successful", 100, 0))

    def test_a_refresh_is_cancelled_when_what_is_under_way_has_ended(self):
        self.put("launch", LAUNCHING)
        self.refresh(MinHealthyPercentage=100, MaxHealthyPercentage=200)
        self.assertEqual(len(self.in_state("Pending:Wait")), 3)
        api = self.autoscaling
        self.refuses("InstanceRefreshInProgress", api.start_instance_refresh, AutoScalingGroupName="zk")
        api.cancel_instance_refresh(AutoScalingGroupName="zk")
        self.assertEqual(self.progress()[0], "Cancelling")
        self.assertEqual(self.in_state("InService"), self.ids)
        for new in self.in_state("Pending:Wait"):
            self.complete("launch", new)
        self.assertEqual((self.progress()[0], len(self.states())), ("Cancelled", 3))
        self.refuses("ActiveInstanceRefreshNotFound", api.cancel_instance_refresh, AutoScalingGroupName="zk")
        for wrong in ({"MaxHealthyPercentage": 110}, {"MinHealthyPercentage": 101}, {"SkipMatching": True}):
            with self.assertRaisesRegex(RuntimeError, "ValidationError"):
                self.refresh(**wrong)


if __name__ == "__main__":
    unittest.main()
