"""Host providers: what makes the machines of a cluster, and destroys them."""

from windlass.effects.providers.contract import HostProvider
from windlass.effects.providers.ec2 import Ec2Provider, Ec2Settings
from windlass.effects.providers.installed import installed_provider
from windlass.effects.providers.static import StaticProvider

__all__ = ["Ec2Provider", "Ec2Settings", "HostProvider", "StaticProvider", "installed_provider"]
