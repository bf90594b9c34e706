"""The cluster spec as frozen models: the desired state of one cluster, all of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from windlass.domain.host.layout import ADDRESS_STACK
from windlass.domain.spec.access import AccessSection
from windlass.domain.spec.base import Many, Section, section, setting
from windlass.domain.spec.care import (
    Approval,
    Backup,
    BackupTarget,
    Drain,
    Drill,
    Hooks,
    ObjectLock,
    Recovery,
    Repair,
    Retention,
    Security,
    Upgrade,
)
from windlass.domain.spec.dns import Dns
from windlass.domain.spec.hosts import Bastion, Host, Hosts, HostSsh, Role, Ssh
from windlass.domain.spec.machine import (
    Containerd,
    ContainerdImport,
    MachineSettings,
    OwnFile,
    own_files,
    own_kubelet,
    own_sysctls,
)
from windlass.domain.spec.platform import (
    Api,
    CaReferences,
    Component,
    Etcd,
    Kubernetes,
    Manifest,
    Oidc,
    PkiSection,
    Stack,
)
from windlass.domain.spec.services import (
    Artifacts,
    Health,
    HealthOverride,
    LoadBalancer,
    Monitoring,
    Network,
    Storage,
)

__all__ = [
    "AccessSection",
    "Api",
    "Approval",
    "Artifacts",
    "Backup",
    "BackupTarget",
    "Bastion",
    "CaReferences",
    "Cluster",
    "ClusterSpec",
    "Component",
    "Containerd",
    "ContainerdImport",
    "Dns",
    "Drain",
    "Drill",
    "Etcd",
    "Health",
    "HealthOverride",
    "Hooks",
    "Host",
    "HostSsh",
    "Hosts",
    "Kubernetes",
    "LoadBalancer",
    "MachineSettings",
    "Manifest",
    "Metadata",
    "Monitoring",
    "Network",
    "ObjectLock",
    "Oidc",
    "OwnFile",
    "PkiSection",
    "Recovery",
    "Repair",
    "Retention",
    "Role",
    "Security",
    "Ssh",
    "Stack",
    "Storage",
    "Upgrade",
]


class Metadata(Section):
    """What the cluster is called."""

    name: str = Field(description="Name of the cluster: lower-case letters, digits and `-`, at most 63 characters.")


class ClusterSpec(Section):
    """What the cluster should be."""

    kubernetes: Kubernetes = Field(description="Which Kubernetes runs.")
    hosts: Hosts = Field(description="The machines of the cluster.")
    access: AccessSection = section(AccessSection, "What Airflow's users may do with this cluster and in it.")
    api: Api = section(Api, "How clients reach the Kubernetes API.")
    pki: PkiSection = section(PkiSection, "Who signs certificates.")
    etcd: Etcd = section(Etcd, "How etcd runs.")
    network: Network = section(Network, "How pods and services talk to each other.")
    dns: Dns = section(Dns, "How names are resolved in the cluster.")
    storage: Storage = section(Storage, "Where volumes come from.")
    load_balancer: LoadBalancer = section(LoadBalancer, "Who answers at the external addresses of services.")
    monitoring: Monitoring = section(Monitoring, "Who measures what pods and nodes use.")
    artifacts: Artifacts = section(Artifacts, "Where hosts take binaries and images from.")
    components: dict[str, Component] = setting({}, "Flags by name of the component, such as kube-apiserver.")
    kubelet: dict[str, Any] = own_kubelet()
    containerd: Containerd = section(Containerd, "What containerd reads besides.")
    sysctls: dict[str, Any] = own_sysctls()
    files: Many[OwnFile] = own_files()
    roles: dict[Role, MachineSettings] = setting({}, "The four settings above by role: etcd, control-plane or worker.")
    manifests: Many[Manifest] = setting([], "Kubernetes objects of your own, applied last, in this order.")
    stacks: Many[Stack] = setting([], "Stacks of your own from the catalog.")
    security: Security = section(Security, "What is enforced from the first minute on.")
    backup: Backup = section(Backup, "When bundles are taken, where to, and for how long they are kept.")
    recovery: Recovery = section(Recovery, "Who may start a disaster recovery.")
    health: Health = setting({}, "Overrides of health checks by name of the service, such as kube-apiserver.")
    repair: Repair = section(Repair, "What Windlass may repair by itself.")
    upgrade: Upgrade = section(Upgrade, "How changes roll over the hosts.")


class Cluster(Section):
    """One cluster spec: the document itself."""

    api_version: Literal["windlass/v1"] = Field(description="Version of this format: windlass/v1.")
    kind: Literal["Cluster"] = Field(description="Kind of the document: Cluster.")
    metadata: Metadata = Field(description="What the cluster is called.")
    spec: ClusterSpec = Field(description="What the cluster should be.")

    @property
    def name(self) -> str:
        """Return the cluster's name."""
        return self.metadata.name

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks of the catalog that run besides Windlass's own: the spec's, and what its settings need."""
        address = self.spec.api.virtual_address
        if address is None:
            return self.spec.stacks
        holder = Stack(name=ADDRESS_STACK, roles=("control-plane",), values={"address": address})
        return (*self.spec.stacks, holder)

    def hosts_with(self, role: Role) -> tuple[Host, ...]:
        """Return the hosts that have `role`, in the order of the spec."""
        return tuple(host for host in self.spec.hosts.members if role in host.roles)
