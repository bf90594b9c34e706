"""`windlass credential`: what kubectl runs for a certificate, by the login to Airflow; the key never leaves here."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from windlass.cli.airflow_access import TOKEN, URL, USER, open_client
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.user_cache import KeptCredential, keep_credential, kept_credential
from windlass.domain.bounded import moment, read_from
from windlass.domain.pki import EXEC_API
from windlass.domain.pki.certificates import new_key, private_pem
from windlass.errors import SpecError

_EXEC_INFO = "KUBERNETES_EXEC_INFO"
"""Where clients of Kubernetes say which form of an answer they understand."""


def give(arguments: argparse.Namespace) -> int:
    """Print a certificate and its key in the form that clients of Kubernetes ask for."""
    check_exec_info(os.environ)
    print(exec_credential(find_credential(arguments.cluster, arguments.airflow, datetime.now(UTC))))
    return 0


def check_exec_info(environment: Mapping[str, str]) -> None:
    """SpecError if whoever runs this understands only another form of answers."""
    if not environment.get(_EXEC_INFO):
        return
    with read_from(_EXEC_INFO, "unset it"):
        asked = str(json.loads(environment[_EXEC_INFO])["apiVersion"])
    if asked != EXEC_API:
        raise SpecError(
            f"the kubeconfig asks for {asked}, and only {EXEC_API} is known; write it anew by `windlass kubeconfig`"
        )


def find_credential(cluster: str, airflow: str | None, now: datetime) -> KeptCredential:
    """Return the certificate that lies here, or a new one where that soon ends."""
    where = _login_of(airflow, os.environ)
    kept = kept_credential(where, cluster)
    if kept is not None and now < kept.use_until:
        return kept
    with open_client(airflow) as client:
        fresh = ask_credential(client, cluster)
    keep_credential(where, cluster, fresh)
    return fresh


def _login_of(airflow: str | None, environment: Mapping[str, str]) -> str:
    """Return whose certificates lie together: those of one login to one Airflow."""
    where, user = airflow or environment.get(URL, ""), environment.get(TOKEN) or environment.get(USER)
    return f"{where}#{user}" if user else where


def ask_credential(client: AirflowClient, cluster: str) -> KeptCredential:
    """Make a key, and have its public half certified for whoever is logged in."""
    key = new_key()
    # Whom it is for Airflow knows itself: the request says nothing but the key.
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    body = {"csr": request.public_bytes(serialization.Encoding.PEM).decode()}
    answer = client.ask_plugin("POST", f"clusters/{quote(cluster, safe='')}/credential", json=body)
    with read_from("what Airflow answered", "see whether its Windlass is as new as this one"):
        times = (moment(answer[name]) for name in ("issued", "expires"))
        return KeptCredential(str(answer["certificate"]), private_pem(key), *times)


def exec_credential(credential: KeptCredential) -> str:
    """Return the answer to a client of Kubernetes, which holds a key: for the standard output alone."""
    status = {
        "expirationTimestamp": f"{credential.use_until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "clientCertificateData": credential.certificate,
        "clientKeyData": credential.key.reveal(),
    }
    return json.dumps({"apiVersion": EXEC_API, "kind": "ExecCredential", "status": status})
