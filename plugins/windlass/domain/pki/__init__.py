"""The PKI of a cluster: authorities, leaves, kubeconfigs, and the keys of Secrets at rest.

Everything is pure except that keys and serial numbers are random. Windlass alone issues certificates; hosts get what
their roles need and never an authority's key.
"""

from windlass.domain.pki.bindings import group_bindings
from windlass.domain.pki.certificates import CertificateSubject, Credential, Usage, issue, new_authority
from windlass.domain.pki.check import check_certificate
from windlass.domain.pki.encryption import encryption_configuration
from windlass.domain.pki.issuance import (
    Expiry,
    check_authorities,
    expiring,
    issue_pki,
    new_encryption_key,
    short_lived_admin,
)
from windlass.domain.pki.kubeconfig import (
    EXEC_API,
    CredentialFiles,
    KubeconfigContext,
    api_url,
    embedded_kubeconfig,
    exec_kubeconfig,
    host_kubeconfig,
    user_contexts,
    user_kubeconfig,
)
from windlass.domain.pki.layout import SIGNING_FILES, SUPERSEDED, HostFile, desired_certificates, files_for
from windlass.domain.pki.model import Pki, secrets
from windlass.domain.pki.rotation_state import EncryptionKey, Phase, Rotated, Rotation
from windlass.domain.pki.subjects import (
    ADMINS_GROUP,
    ETCD_CLIENT,
    KUBELET_API_GROUP,
    MASTERS_GROUP,
    SUPER_ADMIN,
    Signer,
    api_names,
    host_names,
    local_names,
)
from windlass.domain.pki.trust import trust_bundle

__all__ = [
    "ADMINS_GROUP",
    "ETCD_CLIENT",
    "EXEC_API",
    "KUBELET_API_GROUP",
    "MASTERS_GROUP",
    "SIGNING_FILES",
    "SUPERSEDED",
    "SUPER_ADMIN",
    "CertificateSubject",
    "Credential",
    "CredentialFiles",
    "EncryptionKey",
    "Expiry",
    "HostFile",
    "KubeconfigContext",
    "Phase",
    "Pki",
    "Rotated",
    "Rotation",
    "Signer",
    "Usage",
    "api_names",
    "api_url",
    "check_authorities",
    "check_certificate",
    "desired_certificates",
    "embedded_kubeconfig",
    "encryption_configuration",
    "exec_kubeconfig",
    "expiring",
    "files_for",
    "group_bindings",
    "host_kubeconfig",
    "host_names",
    "issue",
    "issue_pki",
    "local_names",
    "new_authority",
    "new_encryption_key",
    "secrets",
    "short_lived_admin",
    "trust_bundle",
    "user_contexts",
    "user_kubeconfig",
]
