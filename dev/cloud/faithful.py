"""What AWS does and moto 5.2.5 does not, where it matters to an agent that reads fates from answers."""

from moto.ec2.models.instances import Instance

import scaling_api
import stack


def install():
    """Puts the corrections into moto's models; a second time changes nothing."""
    Instance.private_ip_address = property(_address)
    scaling_api.install()
    stack.install()


def _address(instance) -> str | None:
    """A terminated instance has no address; in moto it keeps it."""
    return None if instance._state.name == "terminated" else instance.private_ip
