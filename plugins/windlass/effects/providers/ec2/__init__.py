"""Hosts as EC2 instances, each at the private address that the spec gives it; all that is made is found by its tags."""

from windlass.effects.providers.ec2.cloud import Cloud
from windlass.effects.providers.ec2.provider import Ec2Provider

__all__ = ["Cloud", "Ec2Provider"]
