"""Write stored Secrets again, so that each is stored as the encryption configuration now says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from windlass.domain.host.layout import API_PORT
from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.objects.inventory import ObjectInventory, ObjectRef
from windlass.domain.pki import Pki, encryption_configuration
from windlass.domain.pki.encryption import configuration_hash
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import on_each
from windlass.errors import NotReadyError
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.cluster_api import credentials_of
from windlass.operations.objects.observe import read_inventory
from windlass.operations.waiting import wait_until

SECRETS = Resource("v1", "secrets", namespaced=True)
_ALL = ObjectRef("v1", "Secret", "", "(all that are stored)", "secrets")
_LOADED = timedelta(seconds=150)
"""An API server looks once a minute whether its encryption configuration has changed."""
_METRIC = "apiserver_encryption_config_controller_last_config_info"
_AT_ONCE = 8
_CONFLICTS = 10


def desired_hash(session: ClusterSession, pki: Pki) -> str:
    """Return the hash of the encryption configuration that the spec and the keys ask for."""
    encrypt = session.cluster.spec.security.encrypt_secrets
    return configuration_hash(encryption_configuration(pki.encryption_keys, encrypt=encrypt))


def secrets_drift(session: ClusterSession, pki: Pki, stored: ObjectInventory | None) -> Iterator[ObjectDrift]:
    """Yield that the stored Secrets are to be written again, if they were last written under another configuration."""
    if stored is not None and stored.secrets_encryption != desired_hash(session, pki):
        how = "encrypted" if session.cluster.spec.security.encrypt_secrets else "in clear"
        yield ObjectDrift(_ALL, "differs", note=f"they are written again, {how}")


def rewrite_secrets(session: ClusterSession, client: KubernetesClient, pki: Pki) -> Changes:
    """Write every Secret as it is once all API servers store it as desired; nothing if that was done before.

    The inventory notes under which configuration they were written last. A run that dies before that begins again:
    an API server writes nothing of what is stored as it should be already
    (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#ensure-all-secrets-are-encrypted).
    """
    inventory, desired = read_inventory(client), desired_hash(session, pki)
    if inventory is None or inventory.secrets_encryption == desired:
        return ()
    names = client.names(SECRETS)
    # Also while there are none: the next phase of a change of keys begins once all API servers have loaded this one.
    # A Secret that comes between would be lost. A cluster that is made starts its API servers with the configuration.
    if names or inventory.secrets_encryption:
        _wait_for_api_servers(session, pki, desired)
        # Those that came meanwhile may have been written by an API server with the old configuration.
        names = client.names(SECRETS)
        on_each(names, lambda name: _rewrite(client, *name), doing="write Secrets again", max_workers=_AT_ONCE)
    client.apply(replace(inventory, secrets_encryption=desired).document())
    how = "encrypted" if session.cluster.spec.security.encrypt_secrets else "in clear"
    return (f"wrote {len(names)} Secrets again, {how}",) if names else ()


def _rewrite(client: KubernetesClient, namespace: str, name: str) -> None:
    for _ in range(_CONFLICTS):
        found = client.get(SECRETS, name, namespace)
        if found is None or client.replace(SECRETS, found):
            return
    raise NotReadyError(f"Secret {namespace}/{name} is changed by others all the time; its writing is tried again")


def _wait_for_api_servers(session: ClusterSession, pki: Pki, desired: str) -> None:
    """Wait until each API server has loaded the configuration, as its own metrics say."""

    def wait(_: Host, connection: Connection) -> None:
        with (
            connection.forward("127.0.0.1", API_PORT) as forward,
            session.clients.kubernetes(*forward.address, credentials_of(pki)) as client,
        ):
            problem = f"{connection.host}: its API server has not loaded the encryption configuration yet"
            wait_until(
                lambda: "" if _has_loaded(client.text("/metrics"), desired) else problem,
                _LOADED,
                "wait for API servers to store Secrets as desired",
                session.clock,
            )

    session.on_hosts("wait for the encryption configuration", session.cluster.hosts_with("control-plane"), wait)


def _has_loaded(metrics: str, desired: str) -> bool:
    # The algorithm's name before the digest is another one in older releases.
    digest = desired.rpartition(":")[2]
    return any(line.startswith(_METRIC) and f':{digest}"' in line for line in metrics.splitlines())
