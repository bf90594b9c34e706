"""Makes and destroys the instances of a cluster, and what lies around them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import timedelta

from windlass.domain.providers.traffic import BALANCER, groups_of
from windlass.domain.scripts.first_boot import host_key_told
from windlass.domain.spec.models import Cluster
from windlass.effects.providers.ec2.balancer import Balancer
from windlass.effects.providers.ec2.cloud import Cloud
from windlass.effects.providers.ec2.instances import ENDED, STOPPED, Instance, Instances, Placement
from windlass.effects.providers.ec2.vpc import Subnets, VpcParts
from windlass.errors import NotReadyError, RefusedError

_RUNNING = timedelta(minutes=10)
"""How long machines may take until they run and have said their host keys, and until they are gone."""
_PAUSE_SECONDS = 5.0


class Ec2Provider:
    """Makes and destroys instances; see `HostProvider`, `KnowsHostKeys` and `Settles`.

    Nothing is remembered here: what was made is found by its tags and names, so that a run can break off anywhere.
    """

    makes_hosts = True

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts without a running instance whose host key is known; see `HostProvider.missing`."""
        return _not_ready(cluster, Instances(self._cloud, cluster.name).live())

    def host_keys(self, cluster: Cluster) -> Mapping[str, str]:
        """Return the hosts' keys as their consoles told them; see `KnowsHostKeys`."""
        live = Instances(self._cloud, cluster.name).live()
        return {one.host: one.host_key for one in live if one.host_key is not None}

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:
        """Make and start what is missing; see `HostProvider.provide`."""
        machines, around = Instances(self._cloud, cluster.name), VpcParts(self._cloud, cluster.name)
        live = machines.live()
        there = {one.host: one for one in live}
        _check_addresses(cluster, there)
        missing = _not_ready(cluster, live)
        subnets = around.subnets()
        groups = {} if self._cloud.settings.security_group_ids else around.groups(cluster, subnets.vpc)
        self._launch(cluster, machines, {name for name in missing if name not in there}, (subnets, groups, run))
        machines.start(one for one in there.values() if one.state in STOPPED and one.host in missing)
        for host in cluster.spec.hosts.members:
            if groups and host.name in there:
                desired = {groups[name] for name in groups_of(host)}
                machines.set_groups(there[host.name], there[host.name].groups | desired)
        self._wait_until_ready(cluster, machines)
        self._balance(cluster, machines, subnets, groups.get(BALANCER))
        return missing

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Terminate the instances, and with the last of them delete all else; see `HostProvider.destroy`."""
        machines, balancer = Instances(self._cloud, cluster.name), Balancer(self._cloud, cluster.name)
        going = [one for one in machines.live() if names is None or one.host in names]
        if names is None:
            balancer.delete()
        else:
            balancer.drop({one.id for one in going})
        machines.terminate(going)
        self._wait_until_gone(machines, names)
        if names is None:
            VpcParts(self._cloud, cluster.name).delete()
        return tuple(one.host for one in going)

    def settle(self, cluster: Cluster) -> None:
        """Take away what only an earlier spec needed: ports, groups, targets of the load balancer; see `Settles`."""
        machines, around = Instances(self._cloud, cluster.name), VpcParts(self._cloud, cluster.name)
        there = {one.host: one for one in machines.live()}
        balancer = Balancer(self._cloud, cluster.name)
        if self._cloud.settings.load_balancer is None:
            balancer.delete()
        else:
            balancer.drop_others(_api_servers(cluster, there))
        if self._cloud.settings.security_group_ids:
            return
        groups = {name: group.id for name, group in around.known_groups().items()}
        for host in cluster.spec.hosts.members:
            if host.name in there:
                instance, own = there[host.name], {groups[name] for name in groups_of(host) if name in groups}
                machines.set_groups(instance, (instance.groups - set(groups.values())) | own)
        around.narrow(cluster)

    def _launch(
        self,
        cluster: Cluster,
        machines: Instances,
        names: Collection[str],
        place: tuple[Subnets, Mapping[str, str], str],
    ) -> None:
        if not names:
            return
        subnets, groups, run = place
        hosts = [host for host in cluster.spec.hosts.members if host.name in names]
        keys = VpcParts(self._cloud, cluster.name).key_pairs(hosts)
        for host in hosts:
            own = [groups[name] for name in groups_of(host)] if groups else self._cloud.settings.security_group_ids
            machines.launch(host, Placement(subnets.of(host.node_address), own, keys[host.name]), run)

    def _balance(self, cluster: Cluster, machines: Instances, subnets: Subnets, group: str | None) -> None:
        if (wanted := self._cloud.settings.load_balancer) is not None:
            balancer = Balancer(self._cloud, cluster.name)
            balancer.provide(wanted, subnets, group)
            balancer.register(_api_servers(cluster, {one.host: one for one in machines.live()}))

    def _wait_until_ready(self, cluster: Cluster, machines: Instances) -> None:
        """Wait until all hosts run and their host keys are known; NotReadyError names those that do not."""
        names = {host.name for host in cluster.spec.hosts.members}
        deadline = time.monotonic() + _RUNNING.total_seconds()
        while True:
            found = machines.all()
            _refuse_ended(found, machines.launched)
            ready = {one.host for one in found if one.is_ready}
            ready |= {
                one.host for one in found if one.state == "running" and not one.is_ready and self._told(machines, one)
            }
            if not (lacking := sorted(names - ready)):
                return
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"EC2: not up after {_RUNNING}, or no SSH host key on the console: {', '.join(lacking)}; see the "
                    "instance's console: the image needs cloud-init, or firstBoot: false"
                )
            self._cloud.pause(_PAUSE_SECONDS)

    def _told(self, machines: Instances, instance: Instance) -> bool:
        """Keep the host key that an instance has said by now; False if it has said none yet."""
        key = host_key_told(machines.console(instance))
        if key is not None:
            machines.keep_host_key(instance, key)
        return key is not None

    def _wait_until_gone(self, machines: Instances, names: Collection[str] | None) -> None:
        """Wait until nothing of the instances is left: until then their addresses and groups are in use."""
        deadline = time.monotonic() + _RUNNING.total_seconds()
        while left := [
            one for one in machines.all() if one.state != "terminated" and (names is None or one.host in names)
        ]:
            if time.monotonic() > deadline:
                raise NotReadyError(f"EC2: not gone after {_RUNNING}: {', '.join(sorted(one.host for one in left))}")
            self._cloud.pause(_PAUSE_SECONDS)


def _not_ready(cluster: Cluster, live: Collection[Instance]) -> tuple[str, ...]:
    ready = {one.host for one in live if one.is_ready}
    return tuple(host.name for host in cluster.spec.hosts.members if host.name not in ready)


def _api_servers(cluster: Cluster, there: Mapping[str, Instance]) -> set[str]:
    return {there[host.name].id for host in cluster.hosts_with("control-plane") if host.name in there}


def _check_addresses(cluster: Cluster, there: Mapping[str, Instance]) -> None:
    for host in cluster.spec.hosts.members:
        instance = there.get(host.name)
        if instance is not None and instance.address != host.node_address:
            raise RefusedError(
                f"{host.name}: {instance.id} has the address {instance.address}, the spec says {host.node_address}; an "
                "instance keeps its address: put it back into the spec, or terminate the instance"
            )


def _refuse_ended(found: Collection[Instance], launched: Mapping[str, str]) -> None:
    """NotReadyError if an instance ended that was launched just now, such as for a volume that cannot be encrypted."""
    for one in found:
        if one.id in launched and one.state in ENDED:
            raise NotReadyError(
                f"EC2: {launched[one.id]} ({one.id}) ended at once: {one.reason or 'EC2 says no reason'}"
            )
