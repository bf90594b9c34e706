"""The sections of the control plane: release, API, PKI, etcd, components, and the user's own manifests and stacks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from windlass.domain.spec.base import Many, Section, setting
from windlass.domain.spec.hosts import Host, Role


class Kubernetes(Section):
    """Which Kubernetes runs."""

    version: str = Field(description="Release of the catalog, as vX.Y.Z.")
    cloud_provider: Literal["none", "external"] = setting(
        "none", "Whether kubelets wait for a cloud controller manager (external), which you bring as a manifest."
    )


class Oidc(Section):
    """An OpenID Connect provider that says who somebody is."""

    issuer: str = Field(description="URL of the provider, with https, as its tokens name it.")
    client_id: str = Field(description="Who the tokens must be for: the client's id at the provider.", min_length=1)
    username_claim: str = setting("sub", "Claim of the token that is the user's name.", min_length=1)
    username_prefix: str | None = setting(
        None, "What is put before the user's name; null: issuer and `#`, but nothing for the claim email."
    )
    groups_claim: str | None = setting(
        None, "Claim of the token that lists the user's groups; null: none.", min_length=1
    )
    groups_prefix: str = setting("", "What is put before each group's name.")
    required_claims: dict[str, str] = setting({}, "Claims that a token must have, and their values.")
    ca: str | None = setting(
        None, "Certificates (PEM) by which the provider is known; null: those that the API server's image trusts."
    )


class Api(Section):
    """How clients reach the Kubernetes API."""

    endpoint: str | None = setting(
        None,
        "host:port of a load balancer or DNS name in front of the API servers; null: kubeconfigs use "
        "`virtualAddress` or, without one, the first control-plane host, and name the others as further contexts.",
    )
    virtual_address: str | None = setting(
        None,
        "IP address of the hosts' network that no machine has: one control-plane host after the other holds it, by "
        "keepalived, and clients reach the API there at port 6443. Kubeconfigs use it unless `endpoint` is given.",
        min_length=1,
    )
    extra_names: Many[str] = setting([], "Further DNS names and IP addresses in the API servers' certificates.")
    oidc: Many[Oidc] = setting([], "OpenID Connect providers whose tokens the API servers accept.")


class CaReferences(Section):
    """Airflow connections that hold the user's own CAs as PEM: `certificate` in the extra, the key as password."""

    kubernetes: str | None = setting(None, "Connection of the Kubernetes CA; null: Windlass makes one.", min_length=1)
    etcd: str | None = setting(None, "Connection of the etcd CA; null: Windlass makes one.", min_length=1)
    front_proxy: str | None = setting(None, "Connection of the front-proxy CA; null: Windlass makes one.", min_length=1)


class PkiSection(Section):
    """Who signs certificates."""

    ca: CaReferences | None = setting(None, "Your own CAs; null: Windlass makes one for each purpose.")


class Etcd(Section):
    """How etcd runs."""

    quota_bytes: int = setting(2147483648, "Largest size of the database, in bytes.", ge=67108864, le=17179869184)
    allow_even: bool = setting(
        default=False, text="Whether an even number of members is accepted, which tolerates no more failures."
    )
    heartbeat_milliseconds: int = setting(
        100, "Heartbeat interval of the leader; more on slow disks and networks.", ge=10, le=10000
    )
    election_milliseconds: int = setting(
        1000, "Election timeout; at least five heartbeats, ten are usual.", ge=50, le=50000
    )


class Component(Section):
    """Settings of one component."""

    extra_args: dict[str, str | Annotated[Many[str], Field(min_length=1)]] = setting(
        {},
        "Command-line flags without their dashes, which replace Windlass's own; a list gives the flag once for each of "
        "its values.",
    )


class Manifest(Section):
    """Kubernetes objects of the user's own."""

    name: str = Field(description="Name by which errors and the service log speak of these objects.")
    content: str = Field(
        description="The objects, as YAML documents. Values of Secrets are references, see docs/secrets.md.",
        min_length=1,
    )


class Stack(Section):
    """A stack of the user's own from the catalog, deployed and health-checked like Windlass's."""

    name: str = Field(description="Name of the stack in the catalog.")
    hosts: Many[str] = setting([], "Names of the hosts that may run it; empty: every host.")
    roles: Many[Role] = setting([], "Roles of which a host needs one to run it; empty: whatever its roles are.")
    labels: dict[str, str] = setting({}, "Labels that a host needs to run it, all of them.")
    not_labels: dict[str, str] = setting({}, "Labels of which a host must have none to run it.")
    scale: int | None = setting(
        None, "On how many of the hosts that fit it runs; null: as the stack says, and else on all of them.", ge=1
    )
    placed: Many[str] | None = setting(
        None,
        "Hosts that run it, the one that has run it longest first, where not all that fit do. Windlass writes it.",
    )
    data: Literal["keep", "delete"] = setting(
        "keep", "What becomes of its data on a host that is to run it no more: keep or delete."
    )
    values: dict[str, Any] = setting(
        {},
        "Answers to the stack's questions; what is left out has its default. A text may be a reference to a secret, "
        "see docs/secrets.md.",
    )

    def runs_on(self, host: Host) -> bool:
        """Tell whether `host` is one of those that run it."""
        return self.fits(host) if self.placed is None else host.name in self.placed

    def fits(self, host: Host) -> bool:
        """Tell whether `host` is one of those that may run it, as far as the spec says."""
        is_named = not self.hosts or host.name in self.hosts
        has_role = not self.roles or bool(set(self.roles) & set(host.roles))
        has_labels = self.labels.items() <= host.labels.items() and not self.not_labels.items() & host.labels.items()
        return is_named and has_role and has_labels
