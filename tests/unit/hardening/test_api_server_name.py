"""Who asks an API server is not answered by a kubelet, though that has a certificate of the same authority."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from unit.rendering.conftest import TOPOLOGIES, make_cluster
from windlass.domain.host.layout import API_SERVER_NAME
from windlass.domain.pki import CertificateSubject, Credential, Pki, Signer, Usage, issue, issue_pki
from windlass.domain.scripts.curl import CurlProbe
from windlass.effects.kubernetes.client import NODES, KubernetesClient
from windlass.effects.probe.host_report import table
from windlass.errors import UnreachableError
from windlass.operations.cluster_api import credentials_of

LOCAL = "127.0.0.1"
NODE_LIST = b'{"items": [], "rows": [], "columnDefinitions": []}'
Serve = Callable[[Credential], Any]


class Answers(BaseHTTPRequestHandler):
    """Answers as an API server without nodes would."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(NODE_LIST)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that turn away."""

    def handle_error(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(make_cluster(TOPOLOGIES["overlapping"]), datetime.now(UTC))


@pytest.fixture(scope="module")
def kubelet(pki: Pki) -> Credential:
    """A kubelet's certificate as earlier releases issued them: good for the address at which all look for the API."""
    subject = CertificateSubject("system:node:w-1", Usage.SERVER, ("system:nodes",), frozenset({LOCAL, "localhost"}))
    return issue(subject, pki.authorities[Signer.KUBERNETES], datetime.now(UTC), timedelta(days=1))


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    @contextmanager
    def serving(credential: Credential) -> Iterator[int]:
        file = tmp_path / "server.pem"
        file.write_text(credential.certificate + credential.key.reveal())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        with Quiet((LOCAL, 0), Answers) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()

    return serving


def test_windlass_itself_asks_for_the_name(pki: Pki, kubelet: Credential, serve: Serve) -> None:
    with serve(pki.leaves["cp-1/apiserver"]) as port, KubernetesClient(LOCAL, port, credentials_of(pki)) as client:
        assert client.is_ready()
        assert client.list(NODES) == []
    with serve(kubelet) as port, KubernetesClient(LOCAL, port, credentials_of(pki)) as client:
        assert not client.is_ready()
        with pytest.raises(UnreachableError, match=r"(?i)certificate"):
            client.list(NODES)


def test_hosts_that_report_on_nodes_ask_for_the_name(
    pki: Pki, kubelet: Credential, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_text(pki.authorities[Signer.KUBERNETES].certificate)
    (tmp_path / "observer.crt").write_text(pki.leaves["cp-1/observer"].certificate)
    (tmp_path / "observer.key").write_text(pki.leaves["cp-1/observer"].key.reveal())
    monkeypatch.setattr("windlass.effects.probe.host_report.PKI", str(tmp_path))
    with serve(pki.leaves["cp-1/apiserver"]) as port:
        assert table(LOCAL, port, "/api/v1/nodes") == []
    with serve(kubelet) as port:
        assert table(LOCAL, port, "/api/v1/nodes") is None


def test_scripts_on_hosts_ask_for_the_name(pki: Pki, kubelet: Credential, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(pki.authorities[Signer.KUBERNETES].certificate)

    def asked(port: int) -> int:
        url, trusted = f"https://{LOCAL}:{port}/readyz", str(tmp_path / "ca.crt")
        probe = CurlProbe(url, timedelta(seconds=5), ca=trusted, server_name=API_SERVER_NAME)
        proxied = {"PATH": "/usr/bin:/bin", "https_proxy": "http://127.0.0.1:1"}
        return subprocess.run(probe.argv, capture_output=True, env=proxied, check=False, timeout=30).returncode

    with serve(pki.leaves["cp-1/apiserver"]) as port:
        assert asked(port) == 0
    with serve(kubelet) as port:
        assert asked(port) == 60  # the certificate is not accepted
