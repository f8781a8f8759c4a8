"""The calls of EC2 Auto Scaling that moto lacks or only stores, in the words of the real service.

Each function answers one action of the Query API; `install` puts them into moto's dispatcher, which
parses the request and writes the answer by AWS's own service model. What is wrong with a request
is a ValidationError, with the message that clients know where one is known.
"""

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, LifecycleHook
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

import refresh
from group import Group
from lifecycle import ABANDON, DEFAULT_HEARTBEAT, HEARTBEATS, LAUNCHING, RESULTS, TERMINATING, longest_wait

GRACE = "ShouldRespectGracePeriod"


def install():
    """Puts the calls into moto; a second time changes nothing."""
    for action in (
        put_lifecycle_hook, delete_lifecycle_hook, complete_lifecycle_action,
        record_lifecycle_action_heartbeat, set_desired_capacity, set_instance_protection,
        set_instance_health, terminate_instance_in_auto_scaling_group, describe_scaling_activities,
        start_instance_refresh, describe_instance_refreshes, cancel_instance_refresh,
    ):
        setattr(AutoScalingResponse, action.__name__, action)
    FakeAutoScalingGroup.set_desired_capacity = _set_desired
    AutoScalingBackend.notify_terminate_instances = _notify_terminated


# Lifecycle hooks


def put_lifecycle_hook(self) -> ActionResult:
    group = _group(self)
    known = self.autoscaling_backend.lifecycle_hooks.get(_hook_key(self))
    transition = self._get_param("LifecycleTransition") or (known and known.lifecycle_transition)
    heartbeat = self._get_int_param("HeartbeatTimeout") or (
        known.heartbeat_timeout if known else DEFAULT_HEARTBEAT
    )
    result = self._get_param("DefaultResult") or (known.default_result if known else ABANDON)
    if transition not in (LAUNCHING, TERMINATING):
        raise ValidationError("Valid lifecycle transitions are: [" + f"{LAUNCHING}, {TERMINATING}]")
    if heartbeat not in HEARTBEATS:
        raise ValidationError("HeartbeatTimeout must be between 30 and 7200 seconds")
    if result not in RESULTS:
        raise ValidationError(f"Valid lifecycle action results are: [{', '.join(RESULTS)}]")
    name = self._get_param("LifecycleHookName")
    hook = put_hook(self.autoscaling_backend, group.asg.name, name, transition, heartbeat, result)
    hook.role_arn = self._get_param("RoleARN")
    hook.notification_target_arn = self._get_param("NotificationTargetARN")
    return EmptyResult()


def put_hook(
    backend: AutoScalingBackend, group: str, name: str, transition: str, heartbeat: int, result: str
) -> LifecycleHook:
    """Where moto keeps the hooks; the group may be yet to come."""
    hook = LifecycleHook(name, group, transition, heartbeat, result)
    hook.global_timeout = longest_wait(heartbeat)
    hook.role_arn = hook.notification_target_arn = None
    backend.lifecycle_hooks[f"{group}_{name}"] = hook
    return hook


def delete_lifecycle_hook(self) -> ActionResult:
    group, name = _group(self), self._get_param("LifecycleHookName")
    if self.autoscaling_backend.lifecycle_hooks.pop(_hook_key(self), None) is None:
        raise ValidationError("No Lifecycle Hook found")
    group.lifecycle.forget_hook(name)
    return EmptyResult()


def complete_lifecycle_action(self) -> ActionResult:
    _group(self).lifecycle.complete(*_action_asked(self), self._get_param("LifecycleActionResult"))
    return EmptyResult()


def record_lifecycle_action_heartbeat(self) -> ActionResult:
    _group(self).lifecycle.heartbeat(*_action_asked(self))
    return EmptyResult()


# Capacity, protection, health


def set_desired_capacity(self) -> ActionResult:
    asg, desired = _group(self).asg, self._get_int_param("DesiredCapacity")
    if desired > asg.max_size:
        raise ValidationError(
            f"New SetDesiredCapacity value {desired} is above max value {asg.max_size} for the AutoScalingGroup."
        )
    if desired < asg.min_size:
        raise ValidationError(
            f"New SetDesiredCapacity value {desired} is below min value {asg.min_size} for the AutoScalingGroup."
        )
    asg.set_desired_capacity(desired)
    return EmptyResult()


def set_instance_protection(self) -> ActionResult:
    group, protected = _group(self), self._get_bool_param("ProtectedFromScaleIn")
    members = {each.instance.id: each for each in group.members()}
    chosen = self._get_param("InstanceIds", [])
    for instance in chosen:
        if instance not in members:
            raise ValidationError(
                f"The instance {instance} is not part of Auto Scaling group {group.asg.name}."
            )
        if members[instance].lifecycle_state not in ("InService", "EnteringStandby", "Standby"):
            raise ValidationError(
                f"The instance {instance} is not in InService or EnteringStandby or Standby."
            )
    for instance in chosen:
        members[instance].protected_from_scale_in = protected
    return EmptyResult()


def set_instance_health(self) -> ActionResult:
    status = self._get_param("HealthStatus")
    if status not in ("Healthy", "Unhealthy"):
        raise ValidationError("Valid instance health states are: [Healthy, Unhealthy].")
    group, member = _managed(self, self._get_param("InstanceId"))
    if member.lifecycle_state.startswith("Terminating"):
        raise ValidationError(f"Instance {member.instance.id} is terminating")
    new = group.in_service(member) < group.asg.health_check_grace_period
    if not (status == "Unhealthy" and new and self._get_bool_param(GRACE, True)):
        member.health_status = status
    return EmptyResult()


def terminate_instance_in_auto_scaling_group(self) -> ActionResult:
    group, member = _managed(self, self._get_param("InstanceId"))
    asg = group.asg
    if member.lifecycle_state.startswith("Terminating"):
        raise AutoscalingClientError(
            "ScalingActivityInProgress", "The instance is already being terminated."
        )
    if self._get_bool_param("ShouldDecrementDesiredCapacity"):
        if asg.desired_capacity <= asg.min_size:
            raise ValidationError(
                f"Currently, desiredSize equals minSize ({asg.min_size}). Terminating instance without "
                "replacement will violate group's min size constraint. Either set "
                "shouldDecrementDesiredCapacity flag to false or lower group's min size."
            )
        asg.desired_capacity -= 1
    activity = group.terminate(member, "a user request")
    return ActionResult({"Activity": activity.answer()})


def describe_scaling_activities(self) -> ActionResult:
    name = self._get_param("AutoScalingGroupName")
    groups = [_group(self)] if name else _groups(self)
    found = [each for group in groups for each in group.activities]
    newest = sorted(reversed(found), key=lambda each: (each.ended is None, each.started), reverse=True)
    return ActionResult({"Activities": [each.answer() for each in newest]})


# Instance refresh


def start_instance_refresh(self) -> ActionResult:
    if self._get_param("Strategy", "Rolling") != "Rolling" or self._get_param("DesiredConfiguration"):
        raise ValidationError("not simulated: a strategy, a desired configuration")
    started = refresh.start(_group(self), dict(self._get_param("Preferences", {})))
    return ActionResult({"InstanceRefreshId": started.id})


def cancel_instance_refresh(self) -> ActionResult:
    return ActionResult({"InstanceRefreshId": refresh.cancel(_group(self)).id})


def describe_instance_refreshes(self) -> ActionResult:
    wanted = self._get_param("InstanceRefreshIds", [])
    found = [each.answer() for each in reversed(_group(self).refreshes) if not wanted or each.id in wanted]
    return ActionResult({"InstanceRefreshes": found})


# What a call is about


def _groups(self) -> list[Group]:
    return [Group.of(each) for each in self.autoscaling_backend.autoscaling_groups.values()]


def _group(self) -> Group:
    name = self._get_param("AutoScalingGroupName")
    for each in _groups(self):
        if each.asg.name == name:
            return each
    raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")


def _managed(self, instance: str):
    """The group that has this member, and the member."""
    for group in _groups(self):
        if instance in {each.instance.id for each in group.members()}:
            return group, group.member(instance)
    raise ValidationError(
        f"Instance Id not found - No managed instance found for instance ID: {instance}"
    )


def _hook_key(self) -> str:
    """As moto keeps the hooks."""
    return f"{self._get_param('AutoScalingGroupName')}_{self._get_param('LifecycleHookName')}"


def _action_asked(self) -> tuple[str, str | None, str | None]:
    return (
        self._get_param("LifecycleHookName"),
        self._get_param("LifecycleActionToken"),
        self._get_param("InstanceId"),
    )


# In the place of moto's models' own


def _set_desired(asg: FakeAutoScalingGroup, desired: int | None):
    asg.desired_capacity = asg.min_size if desired is None else desired
    Group.of(asg).advance()


def _notify_terminated(backend: AutoScalingBackend, instances: list[str]):
    for asg in backend.autoscaling_groups.values():
        group = Group.of(asg)
        for member in list(group.members()):
            if member.instance.id in instances:
                group.died(member.instance.id)
        group.advance()
