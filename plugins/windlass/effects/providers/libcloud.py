"""Hosts as nodes of one of many clouds, through Apache Libcloud; each is found again by its name.

A node is called after its cluster and its host. Libcloud has no tags and no tokens that all drivers know, so names are
all that tells what was made: a name that is there is never made a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from windlass.domain.scripts.first_boot import MachineLogin, first_boot, host_key_told
from windlass.domain.spec.libcloud_settings import LibcloudSettings, node_name, node_prefix
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import NotReadyError, RefusedError, SpecError, UnreachableError, WindlassError

_RUNNING = timedelta(minutes=10)
_PAUSE_SECONDS = 5.0
_GONE = frozenset({"terminated", "deleted"})
_CONSOLES = ("ex_get_console_output", "ex_get_serial_output")
"""What drivers call the way to a node's console."""


def make_driver(name: str, login: Sequence[str], options: Mapping[str, Any]) -> Any:
    """Return a compute driver of Libcloud by its name; SpecError if there is none, or Libcloud is not installed."""
    try:
        from libcloud.compute.providers import DRIVERS, get_driver  # noqa: PLC0415 (an extra, not always installed)
    except ImportError as error:
        raise SpecError(
            "spec.hosts.provider: libcloud: Apache Libcloud is not installed; install windlass[libcloud] wherever "
            "tasks of Airflow run"
        ) from error
    if name not in DRIVERS:
        raise SpecError(f"spec.hosts.settings.driver: Libcloud has no compute driver `{name}`")
    try:
        return get_driver(name)(*login, **options)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"spec.hosts.connection: the driver `{name}` cannot be made with the connection's login, password and "
            f"`libcloud` in its extra: {type(error).__name__}; see the driver's page at libcloud.readthedocs.io"
        ) from None  # what the driver says may have the login in it


class LibcloudProvider:
    """Makes and destroys nodes; see `HostProvider` and `KnowsHostKeys`. `driver` is a compute driver of Libcloud."""

    makes_hosts = True

    def __init__(
        self,
        driver: Any,
        settings: LibcloudSettings,
        login: Callable[[Host], MachineLogin],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._login = login
        self._pause = pause

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts without a running node; see `HostProvider.missing`."""
        return _not_running(cluster, self._nodes(cluster))

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:  # noqa: ARG002 (no driver takes a token)
        """Make and start what is missing; see `HostProvider.provide`."""
        there = self._nodes(cluster)
        _check_single(there)
        missing = _not_running(cluster, there)
        for host in cluster.spec.hosts.members:
            if host.name not in there:
                self._create(cluster, host)
            elif _state(there[host.name][0]) in {"stopped", "suspended"}:
                self._ask(f"start {host.name}", self._driver.start_node, there[host.name][0])
        self._wait_until_running(cluster)
        self._refuse_other_addresses(cluster)
        return missing

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Destroy nodes with the cluster's name; see `HostProvider.destroy`."""
        going = {name: nodes for name, nodes in self._nodes(cluster).items() if names is None or name in names}
        for name, nodes in going.items():
            for node in nodes:
                if not self._ask(f"destroy {name}", self._driver.destroy_node, node):
                    raise NotReadyError(f"libcloud: {name} could not be destroyed; the cloud gives no reason")
        return tuple(going)

    def host_keys(self, cluster: Cluster) -> Mapping[str, str]:
        """Return the keys that consoles told, where the driver reads them; see `KnowsHostKeys`."""
        read = next((getattr(self._driver, one) for one in _CONSOLES if hasattr(self._driver, one)), None)
        if read is None or self._settings.user_data is None:
            return {}
        names = {host.name for host in cluster.spec.hosts.members}
        nodes = {name: found[0] for name, found in self._nodes(cluster).items() if name in names}
        deadline, told = time.monotonic() + _RUNNING.total_seconds(), dict[str, str]()
        while lacking := sorted(nodes.keys() - told.keys()):
            for name in lacking:
                if key := host_key_told(_text(self._ask(f"read the console of {name}", read, nodes[name]))):
                    told[name] = key
            if nodes.keys() == told.keys():
                break
            if time.monotonic() > deadline:
                raise NotReadyError(f"libcloud: no SSH host key on the console: {', '.join(lacking)}")
            self._pause(_PAUSE_SECONDS)
        return told

    def _create(self, cluster: Cluster, host: Host) -> None:
        settings, driver = self._settings, self._driver
        words = {"name": host.name, "address": host.node_address, "cluster": cluster.name}
        more = {key: _filled(value, words) for key, value in settings.arguments.items()}
        if settings.user_data is not None:
            more[settings.user_data] = first_boot(self._login(host))
        if settings.location is not None:
            more["location"] = self._pick("location", settings.location, driver.list_locations)
        image = self._pick("image", settings.image, driver.list_images)
        size = self._pick("size", settings.size, driver.list_sizes)
        name = node_name(cluster.name, host.name)
        self._ask(f"make {host.name}", driver.create_node, name=name, image=image, size=size, **more)

    def _pick(self, what: str, wanted: str, listing: Callable[[], Iterable[Any]]) -> Any:
        """Return the one that is called so, by id or else by name; SpecError if there is none, or more than one."""
        there = list(self._ask(f"list {what}s", listing))
        found = [one for one in there if str(one.id) == wanted] or [one for one in there if one.name == wanted]
        if len(found) != 1:
            known = ", ".join(sorted(str(one.id) for one in there)[:10]) or "none"
            raise SpecError(
                f"spec.hosts.settings.{what}: {len(found)} are called `{wanted}`; give an id, such as {known}"
            )
        return found[0]

    def _nodes(self, cluster: Cluster) -> dict[str, list[Any]]:
        """Return the nodes of the cluster by host; those that have ended are none."""
        prefix, found = node_prefix(cluster.name), dict[str, list[Any]]()
        for node in self._ask("list nodes", self._driver.list_nodes):
            if str(node.name).startswith(prefix) and _state(node) not in _GONE:
                found.setdefault(str(node.name).removeprefix(prefix), []).append(node)
        return found

    def _wait_until_running(self, cluster: Cluster) -> None:
        deadline = time.monotonic() + _RUNNING.total_seconds()
        while missing := self.missing(cluster):
            if time.monotonic() > deadline:
                raise NotReadyError(f"libcloud: not running after {_RUNNING}: {', '.join(missing)}")
            self._pause(_PAUSE_SECONDS)

    def _refuse_other_addresses(self, cluster: Cluster) -> None:
        """RefusedError where a cloud gave a node another address than the spec: nobody would find it."""
        there = self._nodes(cluster)
        for host in cluster.spec.hosts.members:
            given = [*there[host.name][0].private_ips, *there[host.name][0].public_ips]
            if host.node_address not in given:
                raise RefusedError(
                    f"{host.name}: its node has {', '.join(map(str, given)) or 'no address'}, and the spec says "
                    f"{host.node_address}; give the driver's argument for it under settings.arguments, with "
                    "{address}, or put the node's address into the spec"
                )

    def _ask(self, doing: str, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call the driver; whatever it raises is an error of Windlass, without what it was given."""
        try:
            return call(*given, **named)
        except WindlassError:
            raise
        except Exception as error:
            code = getattr(error, "code", None)
            text = f"libcloud: cannot {doing}: {type(error).__name__}: {error}"
            if isinstance(error, OSError) or code is None:
                raise UnreachableError(text) from error
            raise (NotReadyError if code == 429 or code >= 500 else RefusedError)(text) from error


def _state(node: Any) -> str:
    return str(getattr(node.state, "value", node.state))


def _not_running(cluster: Cluster, there: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    running = {name for name, nodes in there.items() if any(_state(one) == "running" for one in nodes)}
    return tuple(host.name for host in cluster.spec.hosts.members if host.name not in running)


def _check_single(there: Mapping[str, Sequence[Any]]) -> None:
    for name, nodes in there.items():
        if len(nodes) > 1:
            ids = ", ".join(str(one.id) for one in nodes)
            raise RefusedError(f"{name}: two nodes have its name: {ids}; destroy the one that is not the host")


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """Return a value with the host's words in its texts; other braces stay as they are."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(f"{{{word}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(one, words) for key, one in value.items()}
    return [_filled(one, words) for one in value] if isinstance(value, list | tuple) else value


def _text(console: Any) -> str:
    """Return what a console gave: a text, or a mapping with it under `output`, as the driver of AWS has it."""
    found = console.get("output") if isinstance(console, Mapping) else console
    return found if isinstance(found, str) else ""
