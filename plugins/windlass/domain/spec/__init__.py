"""The cluster spec: a YAML document, parsed once into frozen models, with every problem told at once."""

from windlass.domain.spec.models import Cluster, Host, Role

__all__ = ["Cluster", "Host", "Role"]
