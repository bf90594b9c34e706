"""Hosts and planes that leave: drained, out of etcd under its guard, stopped, and cleaned as if they had never been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.etcd.membership import as_dead, assess, name_of
from windlass.domain.etcd.quorum import Removal, check, what_if
from windlass.domain.pki.layout import files_for
from windlass.domain.rollout.transition import CONTROL_PLANE, ETCD_PLANE, NODE, Transition, planes_of
from windlass.domain.scripts.leave import node_removal_script, remove_files_script, stop_stack_script
from windlass.domain.spec.drivers import host_traces
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import RefusedError, SpecError
from windlass.operations.apply.prepare import load_kernel_settings
from windlass.operations.apply.remove import remove_from_host
from windlass.operations.cluster import Changes, run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import ReplacementContext
from windlass.operations.etcd.context import serving_client
from windlass.operations.etcd.observe import observe_settled
from windlass.operations.rollout.api_server import check_others
from windlass.operations.rollout.bar_nodes import bar_nodes
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.empty_node import empty_node
from windlass.operations.rollout.etcd import hand_over_the_lead
from windlass.operations.waiting import wait_until

_API = timedelta(seconds=60)
_STOPS = timedelta(minutes=3)
_OTHERS = timedelta(seconds=30)
Destroy = Callable[[str], bool]
"""Has a host's provider destroy it; False where it makes no hosts."""


def leave(rollout: RolloutContext, name: str, destroy: Destroy) -> Changes:
    """Take from a host whatever it does for the cluster no more; one that leaves as a whole is cleaned, or destroyed.

    Each part is looked at before it is done, so that it goes on wherever it broke off.
    """
    transition = _transition(rollout)
    host, lost = rollout.host(name), transition.lost(name)
    done: list[str] = []
    if NODE in lost:
        done += _empty_node(rollout, name)
    if CONTROL_PLANE in lost:
        done += _stop_control_plane(rollout, host)
    if ETCD_PLANE in lost:
        done += remove_member(rollout, name)
        done += run_script(rollout.connection(name), stop_stack_script("etcd"), timeout=_STOPS)
    is_whole = any(one.name == name for one in transition.leaving)
    if is_whole and destroy(name):
        done.append("destroyed by its provider")
    elif is_whole:
        done += remove_from_host(rollout.during, host, rollout.connection(name), _earlier(rollout))
    else:
        done += _strip(rollout, transition, name)
    if NODE in lost:
        done += delete_node(rollout, name)
    return tuple(done)


def forget(rollout: RolloutContext, name: str) -> Changes:
    """Take a host out of etcd without asking it, and its node if it is gone for good; RefusedError without quorum."""
    planes, transition = planes_of(rollout.host(name)), _transition(rollout)
    done = list(remove_member(rollout, name, is_given_up=True)) if ETCD_PLANE in planes else []
    if name in transition.gone and NODE in planes:
        with kubernetes_api(rollout.during, rollout.pki, _API) as client:
            done += bar_nodes(client, transition.barred)
        done += delete_node(rollout, name)
    return tuple(done)


def remove_member(rollout: RolloutContext, name: str, *, is_given_up: bool = False) -> Changes:
    """Remove the member on a host from etcd, as far as the quorum allows; nothing if it is none (any more).

    One that is given up counts as dead unless it is seen to be healthy.
    """
    observed = observe_settled(rollout.during, rollout.pki)
    desired = frozenset(host.name for host in rollout.session.cluster.hosts_with("etcd"))
    membership = replace(assess(observed), desired=desired)
    found = [one for one in membership.members if name_of(one, observed.listed(), observed.desired) == name]
    if not found:
        return ()
    member = found[0]
    if is_given_up:
        membership = as_dead(membership, member.name)
    rollout.tell(f"etcd {name}: {what_if(membership, Removal(member))}")
    check(Removal(member), membership)
    if observed.leader == name:
        hand_over_the_lead(rollout, membership, name, among=desired)
    work = ReplacementContext(rollout.during, rollout.pki, RemoteFile(b""), rollout.tell)
    with serving_client(work, but=name) as client:
        client.remove(member.id)
    return ("member removed from etcd",)


def delete_node(rollout: RolloutContext, name: str) -> Changes:
    """Delete the node of a host; nothing if the API knows none."""
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        if client.get(NODES, name) is None:
            return ()
        client.delete(NODES, name)
    return ("node deleted",)


def _empty_node(rollout: RolloutContext, name: str) -> Changes:
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        if client.get(NODES, name) is None:
            return ()
        empty_node(rollout, client, name)
    return ("drained",)


def _stop_control_plane(rollout: RolloutContext, host: Host) -> Changes:
    """Stop what no proxy leads to any more, once another API server serves through all proxies."""
    others = [one.name for one in rollout.session.cluster.hosts_with("control-plane") if one.name != host.name]
    if not others:
        raise RefusedError(f"{host.name}: it is the last control-plane host; delete the cluster instead")
    clock = rollout.session.clock
    wait_until(lambda: check_others(rollout, others), _OTHERS, f"{host.name}: the other API servers", clock)
    return run_script(rollout.connection(host.name), stop_stack_script("control-plane"), timeout=_STOPS)


def _strip(rollout: RolloutContext, transition: Transition, name: str) -> Changes:
    """Take from a host that stays what only the planes needed that it has given up: kubelet, keys, certificates."""
    connection = rollout.connection(name)
    done: list[str] = []
    if NODE in transition.lost(name):
        cluster = rollout.session.cluster
        traces = host_traces(cluster, rollout.session.release.drivers) + _earlier(rollout)
        script = node_removal_script(cluster.spec.network.pod_ranges, traces)
        done += run_script(connection, script, timeout=_STOPS)
        # A node's kernel modules are among the settings; what is loaded now is what such a host asks for.
        done += load_kernel_settings(connection)
    old = next(host for host in transition.known if host.name == name)
    new = next(host for host in rollout.session.hosts if host.name == name)
    cluster = rollout.during.cluster
    surplus = set(files_for(cluster, old, rollout.pki)) - set(files_for(cluster, new, rollout.pki))
    return (*done, *run_script(connection, remove_files_script(surplus)))


def _earlier(rollout: RolloutContext) -> HostTraces:
    """Return what the drivers of the spec before have left: hosts that leave are none that the add-ons' step asks."""
    return host_traces(rollout.before.cluster, rollout.before.release.drivers)


def _transition(rollout: RolloutContext) -> Transition:
    if rollout.transition is None:
        raise SpecError("nothing leaves the cluster; plan the rollout again")
    return rollout.transition
