"""Which files of the PKI lie where on a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from windlass.domain.host.file_drift import ROOT, DesiredFile, ToBeIssued, desired_files
from windlass.domain.host.layout import (
    ADMIN_KUBECONFIG,
    API_SERVER_PKI,
    CLIENT_CA,
    CONTROLLER_MANAGER_PKI,
    ENCRYPTION_CONFIG,
    KUBECONFIGS,
    PKI,
    PROXY_CA,
    SCHEDULER_PKI,
)
from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.encryption import encryption_configuration
from windlass.domain.pki.kubeconfig import CredentialFiles, host_kubeconfig
from windlass.domain.pki.model import Pki
from windlass.domain.pki.subjects import Signer, host_leaves
from windlass.domain.pki.trust import token_keys, trust_bundle
from windlass.domain.spec import Cluster, Host

_STEMS = {
    "etcd-server": "etcd/server",
    "etcd-peer": "etcd/peer",
    "etcd-health": "etcd/health",
    "apiserver-etcd-client": "etcd/apiserver-client",
    "controller-manager": "controller-manager/server",
    "controller-manager-client": "controller-manager/client",
    "scheduler": "scheduler/server",
    "scheduler-client": "scheduler/client",
}
"""Leaves whose files are not named after their purpose, below the PKI directory and without suffix."""
_KUBECONFIGS = {
    "controller-manager": "controller-manager-client",
    "scheduler": "scheduler-client",
    "kubelet": "kubelet-client",
}
"""Kubeconfig by the leaf it uses."""
_CONTROLLERS = {"controller-manager": CONTROLLER_MANAGER_PKI, "scheduler": SCHEDULER_PKI}
"""Directories that hold all that a component sees of the PKI, by its kubeconfig."""
_OF_API_SERVER = {
    f"{API_SERVER_PKI}/{path.removeprefix(f'{PKI}/')}": path
    for path in (
        f"{PKI}/ca.crt",
        CLIENT_CA,
        *(f"{PKI}/{name}.{kind}" for name in ("apiserver", "apiserver-kubelet-client") for kind in ("crt", "key")),
        *(f"{PKI}/{name}" for name in ("front-proxy-ca.crt", "front-proxy-client.crt", "front-proxy-client.key")),
        *(f"{PKI}/service-account.{kind}" for kind in ("key", "pub")),
        *(f"{PKI}/etcd/{name}" for name in ("ca.crt", "apiserver-client.crt", "apiserver-client.key")),
    )
} | {f"{API_SERVER_PKI}/encryption.yaml": ENCRYPTION_CONFIG}
"""Each file that the API server sees, and the one that it is a copy of."""
SIGNING_FILES = f"{CONTROLLER_MANAGER_PKI}/requests-ca.crt", f"{CONTROLLER_MANAGER_PKI}/requests-ca.key"
"""Certificate and key of the authority of requests."""
SUPERSEDED = (
    *(f"{PKI}/{name}{role}.{kind}" for name in _CONTROLLERS for role in ("", "-client") for kind in ("crt", "key")),
    *(f"{PKI}/admin.{kind}" for kind in ("crt", "key")),
    ADMIN_KUBECONFIG,
)
"""What earlier releases laid on hosts: what is in those directories now, and a cluster-admin's login."""


@dataclass(frozen=True)
class HostFile:
    """One file to write; its content may be secret, so that repr hides it."""

    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = ROOT


def files_for(cluster: Cluster, host: Host, pki: Pki) -> Mapping[str, HostFile]:
    """Return by absolute path the certificates, keys and kubeconfigs that `host` needs for its roles, and no more.

    The keys of the authorities are never among them, but for that of requests: Windlass alone issues else, and hosts
    hold those keys sealed at most.
    """
    files: dict[str, HostFile] = {}
    leaves = host_leaves(cluster, host)
    for purpose in leaves:
        files |= _credential_files(purpose, pki.leaves[f"{host.name}/{purpose}"])
    if "etcd" in host.roles or "control-plane" in host.roles:
        files[f"{PKI}/etcd/ca.crt"] = _public(trust_bundle(pki, Signer.ETCD))
    # On every host: its api-proxy checks the API servers with it.
    files |= dict.fromkeys((f"{PKI}/ca.crt", PROXY_CA), _public(trust_bundle(pki, Signer.KUBERNETES)))
    if "control-plane" in host.roles:
        files |= _control_plane_files(cluster, pki)
        files |= {copy: files[path] for copy, path in _OF_API_SERVER.items() if path in files}
    return files | {
        f"{KUBECONFIGS}/{name}.conf": _kubeconfig(cluster, name, purpose)
        for name, purpose in _KUBECONFIGS.items()
        if purpose in leaves
    }


def desired_certificates(cluster: Cluster, host: Host, pki: Pki, renewed: Pki | None = None) -> dict[str, DesiredFile]:
    """Return by path the state that the files of `files_for` should be in.

    `renewed` is the PKI with new leaves in the place of those that soon end: their content is still to be issued.
    """
    desired = desired_files(files_for(cluster, host, pki))
    leaves = (renewed or pki).leaves
    for purpose in host_leaves(cluster, host):
        leaf = f"{host.name}/{purpose}"
        if leaves[leaf] != pki.leaves[leaf]:
            desired |= {path: replace(desired[path], content=ToBeIssued(leaf)) for path in _credential_paths(purpose)}
    return desired | {copy: desired[path] for copy, path in _OF_API_SERVER.items() if copy in desired}


def _control_plane_files(cluster: Cluster, pki: Pki) -> dict[str, HostFile]:
    kubernetes = trust_bundle(pki, Signer.KUBERNETES)
    # A file of its own: no kubelet, controller or proxy is to take a certificate of these authorities.
    further = [trust_bundle(pki, signer) for signer in (Signer.PEOPLE, Signer.REQUESTS) if signer in pki.authorities]
    client_ca = {CLIENT_CA: _public("".join((kubernetes, *further)))} if further else {}
    configuration = encryption_configuration(pki.encryption_keys, encrypt=cluster.spec.security.encrypt_secrets)
    front_proxy = _public(trust_bundle(pki, Signer.FRONT_PROXY))
    service_accounts = _private(pki.service_account_key.reveal_bytes())
    trusted = {"ca.crt": _public(kubernetes), "front-proxy-ca.crt": front_proxy}
    return {
        **client_ca,
        **_signing_files(pki),
        **{f"{own}/{name}": file for own in _CONTROLLERS.values() for name, file in trusted.items()},
        f"{CONTROLLER_MANAGER_PKI}/service-account.key": service_accounts,
        f"{PKI}/front-proxy-ca.crt": front_proxy,
        f"{PKI}/service-account.key": service_accounts,
        f"{PKI}/service-account.pub": _public(token_keys(pki)),
        ENCRYPTION_CONFIG: _private(configuration.reveal_bytes()),
    }


def _signing_files(pki: Pki) -> dict[str, HostFile]:
    """Return what the controller manager signs requests with; nothing where it signs none."""
    if Signer.REQUESTS not in pki.authorities:
        return {}
    authority = pki.authorities[Signer.REQUESTS]
    certificate, key = SIGNING_FILES
    return {certificate: _public(authority.certificate), key: _private(authority.key.reveal_bytes())}


def _credential_files(purpose: str, credential: Credential) -> dict[str, HostFile]:
    certificate, key = _credential_paths(purpose)
    return {certificate: _public(credential.certificate), key: _private(credential.key.reveal_bytes())}


def leaf_path(purpose: str) -> str:
    """Return where on its host the certificate of a leaf lies."""
    return f"{PKI}/{_STEMS.get(purpose, purpose)}.crt"


def _credential_paths(purpose: str) -> tuple[str, str]:
    """Return where the certificate of a leaf and its key lie."""
    certificate = leaf_path(purpose)
    return certificate, f"{certificate.removesuffix('.crt')}.key"


def _kubeconfig(cluster: Cluster, user: str, purpose: str) -> HostFile:
    files = CredentialFiles(f"{_CONTROLLERS.get(user, PKI)}/ca.crt", *_credential_paths(purpose))
    return _private(host_kubeconfig(cluster.name, user, files).encode())


def _public(text: str) -> HostFile:
    return HostFile(text.encode())


def _private(content: bytes) -> HostFile:
    return HostFile(content, mode=0o600)
