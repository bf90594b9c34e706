"""What answers over HTTP, whatever it answers: read within a bound, or refused by an error of ours."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from hypothesis import given

from unit.hostile.mutations import BUDGET, mutated_json, returned
from windlass.effects import answers
from windlass.effects.answers import bound_unread
from windlass.effects.kubernetes import client as kubernetes
from windlass.effects.kubernetes.client import NODES, PODS, Credentials, KubernetesClient
from windlass.effects.ssh import client as ssh
from windlass.effects.ssh.client import _Whole
from windlass.effects.store import s3
from windlass.effects.store.s3 import S3Store, StoreConfig
from windlass.errors import IntegrityError, UnreachableError
from windlass.mirror import download
from windlass.mirror.download import Download, Downloader, RetryPolicy
from windlass.mirror.oci_layout import Layout
from windlass.mirror.official_catalog import ImagePublication
from windlass.mirror.registry_pull import ImagePuller, RegistryAuth

MIB = 2**20
IMAGE = ImagePublication("https://registry.example", "etcd", "v1")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Endless(httpx.SyncByteStream):
    """A body that never ends; it says how much of it was taken."""

    def __init__(self, piece: bytes = bytes(64 * 1024)) -> None:
        self.piece = piece
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in itertools.count():
            self.taken += len(self.piece)
            if self.taken > 100 * MIB:
                raise AssertionError("more was taken than anybody wants")
            yield self.piece


def bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    while True:
        yield packer.compress(bytes(MIB)) or packer.flush(zlib.Z_SYNC_FLUSH)


class Bomb(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield from itertools.islice(bomb(), 400)


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    from unit.pki.conftest import NOW, make_cluster  # noqa: PLC0415 - a conftest of others
    from windlass.domain.pki import Signer, issue_pki  # noqa: PLC0415

    pki = issue_pki(make_cluster(), NOW)
    leaf = pki.leaves["super-admin"]
    return Credentials(pki.authorities[Signer.KUBERNETES].certificate, leaf.certificate, leaf.key.reveal())


def api(credentials: Credentials, answer: Callable[[httpx.Request], httpx.Response]) -> KubernetesClient:
    return KubernetesClient("192.0.2.1", 6443, credentials, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("headers", "body"), [({}, Endless), ({"Content-Encoding": "gzip"}, Bomb)], ids=["endless", "bomb"]
)
def test_an_api_server_is_read_within_a_bound(
    credentials: Credentials, headers: dict[str, str], body: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "MOST_BYTES", 4 * MIB)
    sent = body()
    client = api(credentials, lambda _: httpx.Response(200, headers=headers, stream=sent))
    with pytest.raises(IntegrityError, match="sends more than 4194304 bytes"):
        client.list(PODS)
    assert getattr(sent, "taken", 0) <= 5 * MIB
    assert client.is_ready()  # of which only the status is asked


def test_an_answer_by_another_encoding_is_not_expanded(credentials: Credentials) -> None:
    client = api(credentials, lambda _: httpx.Response(200, headers={"Content-Encoding": "br"}, stream=Endless()))
    with pytest.raises(IntegrityError, match="answers by br"):
        client.list(PODS)


def test_a_compressed_answer_is_read(credentials: Credentials) -> None:
    body = gzip.compress(b'{"items": [{"metadata": {"name": "w-1"}}]}')
    client = api(credentials, lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=body))
    assert client.list(NODES) == [{"metadata": {"name": "w-1"}}]


def test_answers_of_the_api(credentials: Credentials) -> None:
    answer = {"items": [{"metadata": {"name": "w-1", "namespace": "a"}}], "metadata": {"continue": ""}, "message": "x"}

    @given(data=mutated_json([answer]))
    @BUDGET
    def check(data: bytes) -> None:
        for status in (200, 409, 500):
            client = api(credentials, lambda _, status=status: httpx.Response(status, content=data))  # type: ignore[misc]
            returned(lambda client=client: client.get(NODES, "w-1"))  # type: ignore[misc]
            returned(lambda client=client: client.list(NODES))  # type: ignore[misc]
            returned(lambda client=client: client.find_resource("v1", "Node"))  # type: ignore[misc]

    check()


def publisher(answer: Callable[[httpx.Request], httpx.Response]) -> Downloader:
    client = httpx.Client(
        transport=httpx.MockTransport(answer),
        follow_redirects=True,
        auth=RegistryAuth(),
        event_hooks={"response": [bound_unread]},
    )
    return Downloader(client, RetryPolicy(attempts=1))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_SMALL_BYTES", MIB)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("way", ["document", "refusal", "redirect", "token", "token refused"])
def test_a_publisher_is_read_within_a_bound(way: str) -> None:
    sent = Endless()
    challenge = {"WWW-Authenticate": 'Bearer realm="https://token.example/token",service="a",scope="b"'}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        is_token = request.url.host == "token.example"
        match way:
            case "redirect":
                return httpx.Response(302, headers={"Location": "/further"}, stream=sent)
            case "token" if not is_token:
                return httpx.Response(401, headers=challenge, content=b"")
            case "token refused":
                return httpx.Response(403 if is_token else 401, headers=challenge, stream=sent)
            case "refusal":
                return httpx.Response(401, headers=challenge, stream=sent) if not is_token else httpx.Response(403)
        return httpx.Response(200, stream=sent)

    with pytest.raises(IntegrityError, match="sends more than 1048576 bytes"):
        publisher(answer).get("https://registry.example/v2/etcd/manifests/v1")
    assert sent.taken <= 2 * MIB


@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_publisher_that_compresses_unasked_is_refused(status: int) -> None:
    headers = {"Content-Encoding": "gzip", "Location": "/further"}
    with pytest.raises(IntegrityError, match="answers by gzip"):
        publisher(lambda _: httpx.Response(status, headers=headers, stream=Bomb())).get("https://a.example/SHA256SUMS")


def test_a_download_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", MIB)
    sent = Endless()
    downloader = publisher(lambda _: httpx.Response(200, headers={"Content-Length": "x"}, stream=sent))
    with pytest.raises(IntegrityError, match="sends more than 1048576 bytes"):
        downloader.fetch(Download("https://a.example/kubelet", tmp_path / "kubelet", None))
    assert sent.taken <= 2 * MIB
    assert (tmp_path / "kubelet.part").stat().st_size <= MIB


DESCRIPTOR = {"mediaType": "x", "digest": f"sha256:{'0' * 64}", "size": 7}
DOCUMENTS = {
    MANIFEST: {"schemaVersion": 2, "config": DESCRIPTOR, "layers": [DESCRIPTOR]},
    INDEX: {"manifests": [{**DESCRIPTOR, "platform": {"os": "linux", "architecture": "amd64"}}]},
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_documents_of_registries(kind: str, tmp_path: Path) -> None:
    @given(data=mutated_json([DOCUMENTS[kind]]))
    @BUDGET
    def check(data: bytes) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            is_blob = "/blobs/" in request.url.path
            return httpx.Response(404 if is_blob else 200, headers={"Content-Type": kind}, content=data)

        returned(lambda: ImagePuller(streamed(answer)).pull(IMAGE, Layout(tmp_path)))

    check()


def streamed(answer: Callable[[httpx.Request], httpx.Response]) -> Downloader:
    """Return a downloader over answers whose content comes as from a network."""

    def over_network(request: httpx.Request) -> httpx.Response:
        made = answer(request)
        return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))

    return publisher(over_network)


def test_tokens_of_registries() -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="https://token.example/token"'}

    @given(data=mutated_json([{"token": "x", "access_token": "y"}]))
    @BUDGET
    def check(data: bytes) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.host == "token.example":
                return httpx.Response(200, content=data)
            is_known = "Authorization" in request.headers
            return httpx.Response(200 if is_known else 401, headers={} if is_known else challenge, content=b"{}")

        returned(lambda: streamed(answer).get("https://registry.example/v2/etcd/manifests/v1"))

    check()


def test_a_file_of_a_host_is_read_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "FILE_LIMIT", MIB)
    whole = _Whole("cp-1")

    def feed() -> None:
        for _ in range(100):
            whole.feed(bytes(64 * 1024))

    with pytest.raises(IntegrityError, match=r"^cp-1: it sends more than 1048576 bytes for a file"):
        feed()
    assert len(whole.data) <= MIB + 64 * 1024


class Body:
    """A body of S3 that is larger than any object of ours."""

    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int = 100 * MIB) -> bytes:
        self.taken += size
        return bytes(size)


def test_an_object_of_the_store_is_read_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "MOST_BYTES", MIB)
    body, store = Body(), S3Store(StoreConfig("bucket", endpoint_url="http://127.0.0.1:1"))
    monkeypatch.setattr(store._client, "get_object", lambda **_: {"Body": body, "ETag": "x"})
    with pytest.raises(IntegrityError, match=r"clusters/demo/spec\.yaml has more than 1048576 bytes"):
        store.get("clusters/demo/spec.yaml")
    assert body.taken == MIB + 1


def test_json_that_is_none_is_an_error_of_ours(credentials: Credentials) -> None:
    client = api(credentials, lambda _: httpx.Response(200, content=b"[" * 100_000))
    with pytest.raises(IntegrityError, match="look what answers there"):
        client.list(PODS)
    dead = api(credentials, lambda _: (_ for _ in ()).throw(httpx.ConnectError("x")))
    with pytest.raises(UnreachableError):
        dead.list(PODS)
