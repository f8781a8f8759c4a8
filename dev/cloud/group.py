"""How an Auto Scaling group keeps its capacity: launches, terminations, health, protection.

A `Group` is put beside moto's model of a group, which keeps the data and answers the reads. Nothing
happens between calls: `advance` does what is due by now, and everybody who looks calls it first.
Pending, Pending:Proceed and, without hooks, Terminating therefore pass within one call.

Sources, as of November 2026: EC2 Auto Scaling User Guide,
- "Instance maintenance policy for Auto Scaling group": replacement for health is terminate and
  launch, at the same time; "View the reason for health check failures": "While the instance is
  terminating, another scaling activity launches a new instance". So who is Terminating, however
  long a hook holds it, does not count towards the capacity.
- "Configure termination policies": the zone with most instances that has an unprotected one; then
  (all have one launch template here) the closest to the next billing hour, for which the oldest
  launch stands in, so that runs repeat.
- "Use instance scale-in protection": it begins InService, and does not protect from health
  replacement nor from TerminateInstanceInAutoScalingGroup; a group of protected instances waits.
- "Set the health check grace period".

Not documented, and so here: scale-in takes InService instances only; an abandoned launch runs the
terminating hooks. Not simulated: status checks (a stopped member is not replaced), rebalancing of
zones, suspended processes, warm pools, and mixed instances.
"""

from collections import Counter

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

import clock
from activity import Activity
from instances import set_state
from lifecycle import ABANDON, LAUNCHING, TERMINATING, Lifecycle
from refresh import Refresh

COUNTED = ("Pending", "Pending:Wait", "Pending:Proceed", "InService")
PROTECTED = (
    "Could not scale to desired capacity because all remaining instances are protected from scale-in."
)

TOO_EARLY = "The instance was terminated before it was in service"

_moto_launch = FakeAutoScalingGroup.replace_autoscaling_group_instances


class Group:
    """One group; `asg` is moto's model of it."""

    def __init__(self, asg: FakeAutoScalingGroup):
        self.asg = asg
        self.lifecycle = Lifecycle()
        self.activities: list[Activity] = []
        self.refreshes: list[Refresh] = []
        # The preferences of a refresh that does not give them.
        self.refresh_defaults: dict[str, int] = {}
        self._in_service_since: dict[str, float] = {}
        self._open: dict[str, Activity] = {}
        # Members whose state a test has set: they count, and are otherwise left alone.
        self._held: set[str] = set()

    @staticmethod
    def of(asg: FakeAutoScalingGroup) -> "Group":
        """The one beside this model."""
        if "keeper" not in vars(asg):
            asg.keeper = Group(asg)
        return asg.keeper

    def advance(self):
        """Does what is due now."""
        while any([self._settle(), self._replace_unhealthy(), self._refresh(), self._fit()]):
            pass

    def members(self) -> list[InstanceState]:
        return self.asg.instance_states

    def member(self, instance: str) -> InstanceState:
        for each in self.members():
            if each.instance.id == instance:
                return each
        raise ValidationError(
            f"Instance Id not found - No managed instance found for instance ID: {instance}"
        )

    def counted(self) -> list[InstanceState]:
        """The members that make up the capacity, in the order of their launch."""
        return [
            each
            for each in self.members()
            if each.lifecycle_state in COUNTED or each.instance.id in self._held
        ]

    def free(self, states: tuple[str, ...] = ("InService",)) -> list[InstanceState]:
        """The members in these states that no test holds."""
        return [
            each
            for each in self.members()
            if each.lifecycle_state in states and each.instance.id not in self._held
        ]

    def wanted(self) -> int:
        """The capacity to keep: the desired one, and what a refresh launches ahead."""
        return self.asg.desired_capacity + sum(each.surge for each in self.refreshes)

    def unready(self, warmup: float) -> bool:
        """Whether a member is missing, or not yet in service for so many seconds."""
        counted = self.counted()
        waiting = [
            each
            for each in counted
            if each.instance.id not in self._held
            and (each.lifecycle_state != "InService" or self.in_service(each) < warmup)
        ]
        return len(counted) < self.wanted() or bool(waiting)

    def in_service(self, member: InstanceState) -> float:
        """For how many seconds it is in service."""
        return clock.now() - self._in_service_since.get(member.instance.id, 0.0)

    def choose(self, candidates: list[InstanceState]) -> InstanceState:
        """Which one the default termination policy takes."""
        sizes = Counter(each.availability_zone for each in self.counted())
        return min(candidates, key=lambda each: (-sizes[each.availability_zone], each.instance.launch_time))

    # What happens to a member

    def terminate(self, member: InstanceState, why: str) -> Activity:
        """Begins to terminate it; with a terminating hook it waits for that first."""
        instance = member.instance.id
        self._held.discard(instance)
        self.lifecycle.end(instance)
        self._close(instance, "Cancelled", TOO_EARLY)
        activity = self._record(f"Terminating EC2 instance: {instance}", instance, why)
        hooks = self._hooks(TERMINATING)
        if hooks:
            self.lifecycle.begin(instance, hooks)
            member.lifecycle_state = "Terminating:Wait"
            activity.status = "MidLifecycleAction"
        else:
            self._shut_down(member, "Terminating")
        return activity

    def died(self, instance: str):
        """EC2 has terminated it without asking the group: no hook holds what is gone."""
        member = self.member(instance)
        if not member.lifecycle_state.startswith("Terminating"):
            self._close(instance, "Cancelled", TOO_EARLY)
            why = "an EC2 health check indicating it has been terminated or stopped"
            self._record(f"Terminating EC2 instance: {instance}", instance, why)
        self._remove(member)

    def shutting_down(self) -> list[str]:
        """The members whose machines are told to shut down, until they are `powered_off`."""
        ending = self.free(("Terminating", "Terminating:Proceed"))
        return [each.instance.id for each in ending if each.instance._state.name == "shutting-down"]

    def powered_off(self, instance: str):
        """Its machine has stopped for good: EC2 now says so."""
        if instance not in self.shutting_down():
            raise ValueError(f"{instance} is not shutting down")
        self.asg.ec2_backend.terminate_instances([instance])

    def hold(self, instance: str, state: str):
        """The group says this of a member until it is held InService, which lets it go."""
        self.member(instance).lifecycle_state = state
        self._held.add(instance)
        if state == "InService":
            self._held.discard(instance)

    # What is due

    def _settle(self) -> bool:
        changed = False
        for each in self.free(("Pending:Wait",)):
            outcome = self.lifecycle.outcome(each.instance.id)
            changed |= outcome is not None
            if outcome == ABANDON:
                self._close(each.instance.id, "Cancelled", "Lifecycle Action Completed with ABANDON Result")
                self.terminate(each, "an abandoned lifecycle action")
            elif outcome:
                self._enter_service(each)
        for each in self.free(("Terminating:Wait",)):
            if self.lifecycle.outcome(each.instance.id):
                self._shut_down(each, "Terminating:Proceed")
                changed = True
        for each in self.free(("Terminating", "Terminating:Proceed")):
            if each.instance._state.name == "terminated":
                self._remove(each)
                changed = True
        return changed

    def _replace_unhealthy(self) -> bool:
        unhealthy = [each for each in self.free() if each.health_status == "Unhealthy"]
        for each in unhealthy:
            self.terminate(each, "a user health-check")
        return bool(unhealthy)

    def _refresh(self) -> bool:
        return any([each.step() for each in self.refreshes])

    def _fit(self) -> bool:
        lacking = self.wanted() - len(self.counted())
        for _ in range(lacking):
            self._launch()
        if lacking >= 0:
            return lacking > 0
        candidates = [each for each in self.free() if not each.protected_from_scale_in]
        if candidates:
            self.terminate(
                self.choose(candidates), "a difference between desired and actual capacity"
            )
        elif not any(each.description == PROTECTED for each in self.activities[-1:]):
            self._record(PROTECTED, None, "a difference between desired and actual capacity").end("Cancelled")
        return bool(candidates)

    def _launch(self):
        """Launches one where the fewest are; moto would take the first subnet always."""
        asg = self.asg
        subnets, zones = asg.vpc_zone_identifier.split(","), list(asg.availability_zones)
        sizes = Counter(each.availability_zone for each in self.counted())
        chosen = min(range(len(subnets)), key=lambda index: sizes[zones[index]])
        asg.vpc_zone_identifier, asg.availability_zones = subnets[chosen], [zones[chosen]]
        try:
            _moto_launch(asg, 1, asg.get_propagated_tags())
        finally:
            asg.vpc_zone_identifier, asg.availability_zones = ",".join(subnets), zones
        member = self.members()[-1]
        instance = member.instance.id
        activity = self._record(
            f"Launching a new EC2 instance: {instance}",
            instance,
            "a difference between desired and actual capacity",
        )
        hooks = self._hooks(LAUNCHING)
        if hooks:
            self.lifecycle.begin(instance, hooks)
            member.lifecycle_state = "Pending:Wait"
            activity.status = "MidLifecycleAction"
        else:
            self._enter_service(member)

    def _enter_service(self, member: InstanceState):
        self.lifecycle.end(member.instance.id)
        member.lifecycle_state = "InService"
        self._in_service_since[member.instance.id] = clock.now()
        self._close(member.instance.id, "Successful")

    def _shut_down(self, member: InstanceState, state: str):
        self.lifecycle.end(member.instance.id)
        member.lifecycle_state = state
        set_state(member.instance, "shutting-down")

    def _remove(self, member: InstanceState):
        instance = member.instance.id
        self.lifecycle.end(instance)
        self._held.discard(instance)
        self._in_service_since.pop(instance, None)
        self.asg.instance_states = [each for each in self.members() if each is not member]
        self._close(instance, "Successful")

    def _hooks(self, transition: str) -> list:
        hooks = self.asg.autoscaling_backend.describe_lifecycle_hooks(self.asg.name)
        return [each for each in hooks if each.lifecycle_transition == transition]

    def _record(self, description: str, instance: str | None, why: str) -> Activity:
        activity = Activity(self.asg.name, description, why)
        self.activities.append(activity)
        if instance:
            self._open[instance] = activity
        return activity

    def _close(self, instance: str, status: str, message: str | None = None):
        activity = self._open.pop(instance, None)
        if activity:
            activity.end(status, message)
