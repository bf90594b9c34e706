"""Pulling an image out of a registry: tag to digest, index to manifests of the wanted platforms, every blob checked.

The protocol is the OCI distribution specification with Docker's token authentication, anonymous.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from windlass.domain.architectures import AMD64
from windlass.domain.bounded import WIDTH, read_from
from windlass.domain.markdown import shortened
from windlass.effects.answers import MOST_SMALL_BYTES, SMALL, UNCOMPRESSED, bound_unread
from windlass.errors import MALFORMED, IntegrityError, WindlassError
from windlass.mirror.download import Download, Downloader, OnBytes, ignore_bytes
from windlass.mirror.oci_layout import INDEX, INDEXES, Layout, image_index
from windlass.mirror.official_catalog import ImagePublication

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = {"Accept": ", ".join((*INDEXES, *MANIFEST_TYPES))}
_ADVICE = "look what answers at the registry"
_CHALLENGE_FIELD = re.compile(r'(\w+)="([^"]*)"')


class RegistryAuth(httpx.Auth):
    """Answers a registry's Bearer challenge with an anonymous token, and keeps that for its scope."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with the token at hand; where that is refused, fetch a new one and send once more."""
        scope = _scope_of(request.url)
        if scope in self._tokens:
            request.headers["Authorization"] = f"Bearer {self._tokens[scope]}"
        response = yield request
        challenge = _bearer_challenge(response)
        if challenge is None:
            return
        answer = yield _token_request(challenge, request)
        if answer.is_success:
            answer.read()
            self._tokens[scope] = _token_in(answer)
            request.headers["Authorization"] = f"Bearer {self._tokens[scope]}"
            yield request


def official_client(timeout: httpx.Timeout) -> httpx.Client:
    """Return a client for publishers' sites and registries; close it, or use it in `with`."""
    hooks = {"response": [bound_unread]}
    return httpx.Client(timeout=timeout, follow_redirects=True, auth=RegistryAuth(), event_hooks=hooks)


@dataclass(frozen=True)
class RegistryManifest:
    """A manifest or an index as the registry sent it, byte for byte."""

    content: bytes
    media_type: str
    digest: str
    named_by_registry: bool
    """Whether the registry, or an index of it, said this digest beforehand."""

    @property
    def descriptor(self) -> dict[str, Any]:
        """What an index says of it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}

    @property
    def document(self) -> Any:
        """The parsed JSON."""
        return json.loads(self.content)


@dataclass(frozen=True)
class _Blob:
    digest: str
    size: int


@dataclass(frozen=True)
class Pulled:
    """The image that is now in the layout."""

    digest: str
    verified: bool


class ImagePuller:
    """Pulls images of one architecture, or of several, into OCI layouts."""

    def __init__(self, downloader: Downloader, architectures: Sequence[str] = (AMD64,)) -> None:
        self._downloader = downloader
        self._architectures = architectures

    def pull(
        self,
        image: ImagePublication,
        layout: Layout,
        digests: Mapping[str, str] = MappingProxyType({}),
        on_bytes: OnBytes = ignore_bytes,
    ) -> Pulled:
        """Pull `image` into `layout`: of each architecture the manifest of `digests`, else what the tag says now.

        Of several architectures it is an index with the manifests of these alone.
        """
        manifests = {one: self._of_architecture(image, digests.get(one), one) for one in self._architectures}
        blobs = {one: _blobs(image, manifest) for one, manifest in manifests.items()}
        total = sum(blob.size for found in blobs.values() for blob in found)
        done = 0
        for architecture, (config, *layers) in blobs.items():
            for blob in (config, *layers):
                self._blob(image, blob, layout, _shifted(on_bytes, done, total))
                done += blob.size
            _check_platform(image, layout.blob(config.digest), architecture)
        return _finished(layout, manifests, image.tag)

    def _of_architecture(self, image: ImagePublication, digest: str | None, architecture: str) -> RegistryManifest:
        found = self._manifest(image, digest or image.tag)
        if found.media_type in INDEXES:
            with read_from(f"{image}: its index", _ADVICE):
                chosen = _sha256(_choose_platform(found.document["manifests"], image, architecture), image)
            found = self._manifest(image, chosen)
        if found.media_type not in MANIFEST_TYPES:
            raise WindlassError(f"{image}: the registry sent `{found.media_type}`, which is no image manifest")
        return found

    def _manifest(self, image: ImagePublication, reference: str) -> RegistryManifest:
        return read_manifest(self._downloader, image, reference)

    def _blob(self, image: ImagePublication, blob: _Blob, layout: Layout, on_bytes: OnBytes) -> None:
        url = f"{image.registry}/v2/{image.repository}/blobs/{blob.digest}"
        target = layout.blob(blob.digest)
        self._downloader.fetch(Download(url, target, blob.digest.removeprefix("sha256:")), on_bytes)


def read_manifest(downloader: Downloader, image: ImagePublication, reference: str) -> RegistryManifest:
    """Read the manifest or index that a tag or digest of `image` leads to; IntegrityError if it has another digest."""
    url = f"{image.registry}/v2/{image.repository}/manifests/{reference}"
    response = downloader.get(url, headers=_ACCEPT)
    got = f"sha256:{hashlib.sha256(response.content).hexdigest()}"
    stated = reference if reference.startswith("sha256:") else response.headers.get("Docker-Content-Digest")
    if stated is not None and stated != got:
        raise IntegrityError(f"{url}: the manifest should have the digest {stated} but has {got}; nothing was kept")
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return RegistryManifest(response.content, media_type, got, named_by_registry=stated is not None)


def _finished(layout: Layout, manifests: Mapping[str, RegistryManifest], tag: str) -> Pulled:
    """Write what names the manifests, which is an index where there are several."""
    verified = all(one.named_by_registry for one in manifests.values())
    if len(manifests) == 1:
        (only,) = manifests.values()
        layout.finish(only.content, only.digest, only.media_type, tag)
        return Pulled(only.digest, verified)
    for one in manifests.values():
        layout.write(one.content, one.digest)
    index = image_index({one: manifest.descriptor for one, manifest in manifests.items()})
    digest = f"sha256:{hashlib.sha256(index).hexdigest()}"
    layout.finish(index, digest, INDEX, tag)
    return Pulled(digest, verified)


def _choose_platform(manifests: Sequence[Mapping[str, Any]], image: ImagePublication, architecture: str) -> str:
    platforms = [entry.get("platform", {}) for entry in manifests]
    for entry, platform in zip(manifests, platforms, strict=True):
        if (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return str(entry["digest"])
    offered = ", ".join(f"{item.get('os')}/{item.get('architecture')}" for item in platforms) or "none"
    raise WindlassError(f"{image}: not published for linux/{architecture}; there are: {offered}")


def _blobs(image: ImagePublication, manifest: RegistryManifest) -> list[_Blob]:
    """Return the configuration of an image and its layers."""
    with read_from(f"{image}: its manifest", _ADVICE):
        document = manifest.document
        blobs = (document["config"], *document["layers"])
        return [_Blob(_sha256(str(one["digest"]), image), int(one["size"])) for one in blobs]


def _sha256(digest: str, image: ImagePublication) -> str:
    """Return a digest that is one: it becomes part of URLs and paths."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise IntegrityError(f"{image}: a blob's digest is `{shortened(digest, WIDTH)}`, which is no SHA-256")
    return digest


def _check_platform(image: ImagePublication, configuration: Path, architecture: str) -> None:
    with read_from(f"{image}: its configuration", _ADVICE), configuration.open("rb") as stream:
        config = json.loads(stream.read(MOST_SMALL_BYTES))
        found = (config.get("os"), config.get("architecture"))
    if found != ("linux", architecture):
        raise WindlassError(f"{image}: is for {found[0]}/{found[1]}, not for linux/{architecture}")


def _shifted(on_bytes: OnBytes, before: int, total: int) -> OnBytes:
    def shifted(done: int, _: int | None) -> None:
        on_bytes(before + done, total)

    return shifted


def _scope_of(url: httpx.URL) -> str:
    """Return what one token is good for: the registry and the repository."""
    repository = re.sub(r"/(manifests|blobs)/.*", "", url.path, flags=re.DOTALL)
    return f"{url.host}:{url.port}{repository}"


def _bearer_challenge(response: httpx.Response) -> dict[str, str] | None:
    header = response.headers.get("WWW-Authenticate", "")
    if response.status_code != httpx.codes.UNAUTHORIZED or not header.lower().startswith("bearer "):
        return None
    fields = dict(_CHALLENGE_FIELD.findall(header))
    return fields if "realm" in fields else None


def _token_request(challenge: Mapping[str, str], refused: httpx.Request) -> httpx.Request:
    params = {key: challenge[key] for key in ("service", "scope") if key in challenge}
    url = httpx.URL(challenge["realm"]).copy_merge_params(params)
    # The extensions of the request that was refused hold the timeouts.
    return httpx.Request("GET", url, headers=UNCOMPRESSED, extensions={**refused.extensions, **SMALL})


def _token_in(answer: httpx.Response) -> str:
    try:
        document = answer.json()
        return _fit_for_header(str(document.get("token") or document["access_token"]))
    except MALFORMED as error:
        where = answer.url.copy_with(query=None)
        raise WindlassError(
            f"{where}: sent no token, so the image cannot be pulled; look what answers there"
        ) from error


def _fit_for_header(token: str) -> str:
    if not re.fullmatch(r"[!-~]+", token):
        raise ValueError("a token that no header can hold")
    return token
