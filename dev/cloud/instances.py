"""The instances of the emulated account, as a test spoils what EC2 tells of them."""

from datetime import timedelta

# EC2's codes of the instance states (API reference, "InstanceState").
STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def set_state(instance, state: str):
    """What EC2 says of an instance (moto's)."""
    instance._state.code, instance._state.name = STATES[state], state


class Instances:
    """`backend()` is moto's model of EC2, `lock` its lock."""

    def __init__(self, backend, lock):
        self._backend = backend
        self._lock = lock

    def set_state(self, instance: str, state: str):
        """What EC2 shall say of an instance: for the states that moto skips."""
        with self._lock:
            set_state(self._backend().get_instance(instance), state)

    def tag(self, instance: str, tags: dict[str, str | None]):
        """Sets tags, and deletes those whose value is None."""
        with self._lock:
            ec2 = self._backend()
            ec2.get_instance(instance)
            ec2.create_tags([instance], {key: value for key, value in tags.items() if value is not None})
            ec2.delete_tags([instance], {key: None for key, value in tags.items() if value is None})

    def age(self, instance: str, seconds: float):
        """Makes an instance look launched so much earlier."""
        with self._lock:
            self._backend().get_instance(instance).launch_time -= timedelta(seconds=seconds)

    def forget(self, instance: str):
        """EC2 no longer knows the instance, as about an hour after its termination."""
        with self._lock:
            if self._backend().get_instance(instance)._state.name != "terminated":
                raise ValueError(f"{instance} is not terminated")
            reservations = self._backend().reservations
            for key, reservation in list(reservations.items()):
                reservation.instances = [each for each in reservation.instances if each.id != instance]
                if not reservation.instances:
                    del reservations[key]
