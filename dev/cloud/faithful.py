"""What AWS does and moto 5.2.5 does not, where it matters to an agent that reads fates from answers."""

from collections import Counter

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.ec2.models.instances import Instance

_launch = FakeAutoScalingGroup.replace_autoscaling_group_instances


def install():
    """Puts the corrections into moto's models; a second time changes nothing."""
    FakeAutoScalingGroup.replace_autoscaling_group_instances = _launch_spread
    Instance.private_ip_address = property(_address)


def _address(instance) -> str | None:
    """A terminated instance has no address; in moto it keeps it."""
    return None if instance._state.name == "terminated" else instance.private_ip


def _launch_spread(group, count: int, tags: dict[str, str]):
    """Launches one by one, each in the zone with the fewest; moto uses the first subnet only."""
    subnets = group.vpc_zone_identifier.split(",")
    zones = list(group.availability_zones)
    for _ in range(count):
        sizes = Counter(each.availability_zone for each in group.active_instances())
        chosen = min(range(len(subnets)), key=lambda index: sizes[zones[index]])
        group.vpc_zone_identifier = subnets[chosen]
        group.availability_zones = [zones[chosen]]
        try:
            _launch(group, 1, dict(tags))
        finally:
            group.vpc_zone_identifier = ",".join(subnets)
            group.availability_zones = zones
