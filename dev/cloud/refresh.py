"""Instance refresh: a group replaces all its instances, a batch at a time.

Sources, as of November 2026: EC2 Auto Scaling User Guide, "How an instance refresh works in an Auto
Scaling group", "Understand the default values for an instance refresh", "Cancel an instance
refresh"; API reference, RefreshPreferences and InstanceRefresh.

- MinHealthyPercentage is 90 unless given. Without MaxHealthyPercentage an instance is terminated
  and its replacement launched at the same time, so that a terminating hook does not hold it up.
- Launched before terminated is when MinHealthyPercentage is 100, or when MaxHealthyPercentage is
  given (100 too) and the minimum leaves no room to terminate first. 90 % of three leaves none.
- A replacement counts when it is InService, and has been for the warm-up: InstanceWarmup, else the
  group's default warm-up, else its grace period.
- A group's instance maintenance policy has the percentages that are not given.
- Protected and standby instances are waited for by default, for one hour; then the refresh fails.
- The default termination policy says whose turn it is.
- Cancelled, it is "Cancelling" until launches and terminations under way have ended.

Not documented, and so here: a terminating hook does not hold up the next replacement either (for
progress the replacement's state counts alone); the unprotected are replaced first, and only then
the protected waited for. Not simulated: checkpoints, bake time, skip matching, rollback, a desired configuration.
"""

import uuid

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError

import clock
from activity import moment

PATIENCE = 3600
ACTIVE = ("InProgress", "Cancelling")
GIVEN = (
    "MinHealthyPercentage", "MaxHealthyPercentage", "InstanceWarmup", "ScaleInProtectedInstances",
    "StandbyInstances",
)
ENDING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")


def start(group, preferences: dict) -> "Refresh":
    """Starts one, unless one is active."""
    if active(group):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    group.refreshes.append(Refresh(group, {**group.refresh_defaults, **preferences}))
    return group.refreshes[-1]


def cancel(group) -> "Refresh":
    """Begins to cancel the active one."""
    found = active(group)
    if not found:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.asg.name}",
        )
    found.status = "Cancelling"
    return found


def active(group) -> "Refresh | None":
    return next((each for each in group.refreshes if each.status in ACTIVE), None)


class Refresh:
    """One refresh of one group, as old as its start."""

    def __init__(self, group, preferences: dict):
        unknown = sorted(set(preferences) - set(GIVEN))
        if unknown:
            raise ValidationError(f"not simulated: {', '.join(unknown)}")
        self.id = str(uuid.uuid4())
        self.status = "InProgress"
        self.surge = 0
        self._reason: str | None = None
        self._group = group
        self._preferences = preferences
        self._minimum = int(preferences.get("MinHealthyPercentage", 90))
        self._maximum = preferences.get("MaxHealthyPercentage")
        self._warmup = int(preferences.get("InstanceWarmup", group.asg.health_check_grace_period))
        self._protected = preferences.get("ScaleInProtectedInstances", "Wait")
        self._standby = preferences.get("StandbyInstances", "Wait")
        self._check()
        self._started = clock.now()
        self._ended: float | None = None
        self._stuck_since: float | None = None
        self._old = {each.instance.id for each in group.counted() + group.free(("Standby",))}
        self._total = len(self._left())

    def step(self) -> bool:
        """Does what is due now; whether that was anything."""
        group = self._group
        if self.status == "Cancelling" and not group.unready(0) and not group.free(ENDING):
            self._end("Cancelled")
        if self.status != "InProgress" or group.unready(self._warmup):
            return False
        left = self._left()
        if not left:
            self._end("Successful")
            return True
        free = [each for each in left if self._may(each)]
        if not free:
            return self._wait()
        self._stuck_since = self._reason = None
        if self._launches_first() and not self.surge:
            self.surge = min(self._batch(), len(free))
            return True
        for _ in range(min(self.surge or self._batch(), len(free))):
            chosen = group.choose(free)
            free.remove(chosen)
            group.terminate(chosen, "an instance refresh")
            self.surge = max(0, self.surge - 1)
        return True

    def answer(self) -> dict:
        """As the API tells it."""
        behind = len(self._left()) if self.status in ACTIVE else self._remaining
        done = 100 * (self._total - behind) // self._total if self._total else 100
        found = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self._group.asg.name,
            "Status": self.status,
            "StartTime": moment(self._started),
            "PercentageComplete": done,
            "InstancesToUpdate": behind,
            "Preferences": {
                "MinHealthyPercentage": self._minimum,
                "ScaleInProtectedInstances": self._protected,
                "StandbyInstances": self._standby,
                **self._preferences,
            },
        }
        if self._ended is not None:
            found["EndTime"] = moment(self._ended)
        if self._reason:
            found["StatusReason"] = self._reason
        return found

    def _check(self):
        low, high = self._minimum, self._maximum
        if not 0 <= low <= 100 or not (high is None or 100 <= high <= 200):
            raise ValidationError("MinHealthyPercentage is 0 to 100, MaxHealthyPercentage 100 to 200")
        if high is not None and ("MinHealthyPercentage" not in self._preferences or high - low > 100):
            raise ValidationError(
                "MaxHealthyPercentage needs MinHealthyPercentage, and both differ by 100 at most"
            )

    def _room_below(self) -> int:
        """How many may be missing: the minimum is rounded up to whole instances."""
        desired = self._group.asg.desired_capacity
        return desired - -(-desired * self._minimum // 100)

    def _launches_first(self) -> bool:
        return self._minimum == 100 or (self._maximum is not None and self._room_below() == 0)

    def _batch(self) -> int:
        """How many are replaced at once, and never fewer than one."""
        if not self._launches_first():
            return max(1, self._room_below())
        desired = self._group.asg.desired_capacity
        return max(1, desired * (self._maximum or 100) // 100 - desired)

    def _left(self) -> list:
        """The instances still to be replaced."""
        members = self._group.counted() + self._group.free(("Standby",))
        return [
            each
            for each in members
            if each.instance.id in self._old
            and not (each.protected_from_scale_in and self._protected == "Ignore")
            and not (each.lifecycle_state == "Standby" and self._standby == "Ignore")
        ]

    def _may(self, member) -> bool:
        if member.lifecycle_state == "Standby":
            return self._standby == "Terminate"
        return member in self._group.free() and (
            not member.protected_from_scale_in or self._protected == "Refresh"
        )

    def _wait(self) -> bool:
        self._reason = "Waiting for instances that are in Standby or protected from scale in"
        if self._stuck_since is None:
            self._stuck_since = clock.now()
        if clock.now() - self._stuck_since < PATIENCE:
            return False
        self._end("Failed")
        return True

    def _end(self, status: str):
        self._remaining = len(self._left())
        self.status = status
        self.surge = 0
        self._ended = clock.now()
