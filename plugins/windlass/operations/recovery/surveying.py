"""See what is left of a cluster: which hosts answer, and what their etcd members say."""

from __future__ import annotations

from windlass.domain.pki import Pki
from windlass.domain.recovery import Survey
from windlass.domain.spec.models import Host
from windlass.effects.transport.connection import Connection
from windlass.operations.members import observe_members
from windlass.operations.site import Site


def survey(site: Site, pki: Pki) -> Survey:
    """Return what is left; it changes nothing, and a host that does not answer is named with the reason."""

    def knock(_: Host, connection: Connection) -> None:
        connection.run(["true"])

    # First of all, so that a host that is gone is waited for once and not in each step.
    outcomes = site.try_on_hosts(site.hosts, knock)
    unreachable = {name: str(one.error) for name, one in outcomes.items() if one.error is not None}
    return Survey(observe_members(site, pki, unreachable), unreachable)
