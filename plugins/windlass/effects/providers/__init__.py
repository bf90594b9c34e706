"""Host providers: what makes the machines of a cluster, and destroys them."""

from windlass.effects.providers.contract import HostProvider, KnowsHostKeys, Settles
from windlass.effects.providers.ec2 import Cloud, Ec2Provider
from windlass.effects.providers.installed import installed_provider
from windlass.effects.providers.libcloud import LibcloudProvider
from windlass.effects.providers.static import StaticProvider

__all__ = [
    "Cloud",
    "Ec2Provider",
    "HostProvider",
    "KnowsHostKeys",
    "LibcloudProvider",
    "Settles",
    "StaticProvider",
    "installed_provider",
]
