"""Lifecycle hooks: what an instance waits for on its way into service and out of it.

Sources, as of November 2026: EC2 Auto Scaling User Guide, "How lifecycle hooks work in Auto Scaling
groups" and "Amazon EC2 Auto Scaling lifecycle hooks" (considerations); API reference,
PutLifecycleHook, CompleteLifecycleAction, RecordLifecycleActionHeartbeat, DeleteLifecycleHook.
"""

import uuid
from dataclasses import dataclass

from moto.autoscaling.exceptions import ValidationError

import clock

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
CONTINUE = "CONTINUE"
ABANDON = "ABANDON"
RESULTS = (CONTINUE, ABANDON)

HEARTBEATS = range(30, 7200 + 1)
DEFAULT_HEARTBEAT = 3600
LONGEST_WAIT = 48 * 3600


def longest_wait(heartbeat: int) -> int:
    """How long heartbeats can keep an instance waiting, in seconds."""
    return min(LONGEST_WAIT, 100 * heartbeat)


@dataclass
class Action:
    """One instance that waits for one hook; times in seconds since 1970."""

    token: str
    hook: str
    instance: str
    transition: str
    heartbeat: int
    default: str
    deadline: float
    limit: float
    result: str | None = None


class Lifecycle:
    """The lifecycle actions of a group. All hooks of a transition begin together."""

    def __init__(self):
        self._actions: list[Action] = []

    def begin(self, instance: str, hooks: list):
        """The instance now waits for these hooks (moto's)."""
        for hook in hooks:
            heartbeat = hook.heartbeat_timeout
            self._actions.append(
                Action(
                    token=str(uuid.uuid4()),
                    hook=hook.name,
                    instance=instance,
                    transition=hook.lifecycle_transition,
                    heartbeat=heartbeat,
                    default=hook.default_result,
                    deadline=clock.now() + heartbeat,
                    limit=clock.now() + longest_wait(heartbeat),
                )
            )

    def end(self, instance: str):
        """The instance waits no more."""
        self._actions = [each for each in self._actions if each.instance != instance]

    def outcome(self, instance: str) -> str | None:
        """CONTINUE when all hooks are completed so, ABANDON as soon as one is, None until then.

        An action that timed out was completed with its hook's default result.
        """
        results = []
        for each in self._actions:
            if each.instance == instance:
                if each.result is None and clock.now() >= each.deadline:
                    each.result = each.default
                results.append(each.result)
        if ABANDON in results:
            return ABANDON
        return None if None in results else CONTINUE

    def waits(self) -> list[tuple[str, str, float]]:
        """Who waits for which hook, until when at most."""
        return [(each.instance, each.hook, each.deadline) for each in self._actions if each.result is None]

    def complete(self, hook: str, token: str | None, instance: str | None, result: str):
        """Ends the wait for one hook."""
        if result not in RESULTS:
            raise ValidationError(f"Valid lifecycle action results are: [{', '.join(RESULTS)}]")
        self._active(hook, token, instance).result = result

    def heartbeat(self, hook: str, token: str | None, instance: str | None):
        """Restarts the hook's time-out, within the limit of the whole wait."""
        action = self._active(hook, token, instance)
        action.deadline = min(clock.now() + action.heartbeat, action.limit)

    def forget_hook(self, hook: str):
        """A deleted hook holds nobody: launches are abandoned, terminations go on."""
        for each in self._actions:
            if each.hook == hook and each.result is None:
                each.result = ABANDON if each.transition == LAUNCHING else CONTINUE

    def _active(self, hook: str, token: str | None, instance: str | None) -> Action:
        for each in self._actions:
            if each.hook == hook and each.result is None:
                if each.token == token if token else each.instance == instance:
                    return each
        what = f"token {token}" if token else f"instance ID {instance}"
        raise ValidationError(f"No active Lifecycle Action found with {what}")
