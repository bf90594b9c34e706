"""The store in an S3 bucket, through boto3."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from botocore.utils import parse_timestamp

from windlass.domain.secret import Secret
from windlass.domain.spec.care import ObjectLock
from windlass.effects.store.contract import ListedObject, Stored
from windlass.effects.store.failures import LOST_RACE, MISSING, code_of, translated
from windlass.errors import IntegrityError, SpecError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 16 * 1024 * 1024
"""What of an upload is in memory at a time; 10,000 such parts are the most that S3 takes."""
MOST_BYTES = 64 * 1024 * 1024
"""Of an object that is read whole; the last observation of 5,000 hosts, the largest, has some five million."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class StoreConfig:
    """Where the bucket is, and who asks; without an access key, boto3's own search for credentials decides."""

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    secret_key: Secret | None = field(default=None, repr=False)
    session_token: Secret | None = field(default=None, repr=False)
    verify: bool | str = True
    """Whether the server's certificate is checked, or the path of the authorities that it is checked by."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)
    """What counts instead of Windlass's own settings of the client: arguments of botocore's `Config`."""
    lock: ObjectLock | None = None
    """How the bucket locks what is created (`create`, `create_from`); what is replaced cannot be locked."""

    @property
    def place(self) -> str:
        """Return the store in words, for messages."""
        return f"store {self.bucket} at {self.endpoint_url or 'AWS'}"


class S3Store:
    """Objects below a prefix of a bucket; one instance may serve many threads. See Store for the contract."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._bucket = config.bucket
        self._prefix = f"{config.prefix.strip('/')}/" if config.prefix.strip("/") else ""
        self._client = make_client(config)

    def get(self, key: str) -> Stored | None:
        """See Store."""

        def read() -> Stored:
            response = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with response["Body"] as body:
                data = body.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise IntegrityError(f"{self._config.place}: {key} has more than {MOST_BYTES} bytes; see who wrote it")
            return Stored(data, response["ETag"])

        return self._attempt(f"reading {key}", read, MISSING)

    def put(self, key: str, data: bytes) -> str:
        """See Store."""
        with self._translated(f"writing {key}"):
            return self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data)["ETag"]

    def create(self, key: str, data: bytes) -> str | None:
        """See Store."""

        def write() -> str:
            full = self._prefix + key
            more: dict[str, Any] = {"ContentMD5": _md5(data), **self._locked()} if self._config.lock else {}
            return self._client.put_object(Bucket=self._bucket, Key=full, Body=data, IfNoneMatch="*", **more)["ETag"]

        return self._attempt(f"creating {key}", write, LOST_RACE)

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """See Store."""

        def write() -> str:
            full = self._prefix + key
            return self._client.put_object(Bucket=self._bucket, Key=full, Body=data, IfMatch=tag)["ETag"]

        return self._attempt(f"replacing {key}", write, LOST_RACE)

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """See Store."""
        part = _read_part(source)
        if len(part) < PART_BYTES:
            return self.create(key, part) is not None
        return (
            self._attempt(f"creating {key}", lambda: self._upload(self._prefix + key, part, source), LOST_RACE) or False
        )

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO | None]:
        """See Store."""

        def begin() -> BinaryIO:
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"]
            return cast("BinaryIO", body)  # a StreamingBody has `read` and `close`, which is all that readers use

        stream = self._attempt(f"reading {key}", begin, MISSING)
        try:
            with self._translated(f"reading {key}"):
                yield stream
        finally:
            if stream is not None:
                stream.close()

    def delete(self, key: str) -> None:
        """See Store."""
        full = self._prefix + key
        remove = partial(self._client.delete_object, Bucket=self._bucket, Key=full)
        self._attempt(f"deleting {key}", remove, MISSING)  # some servers mind if there is none

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """See Store."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with self._translated(f"listing {prefix}"):
            for page in pages:
                for item in page.get("Contents", []):
                    key = item["Key"].removeprefix(self._prefix)
                    yield ListedObject(key, item["Size"], item["LastModified"], item["ETag"])

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """See Store."""
        full = self._prefix + prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=full, Delimiter="/")
        names: list[str] = []
        with self._translated(f"listing {prefix}"):
            for page in pages:
                names += [item["Key"].removeprefix(full) for item in page.get("Contents", [])]
                names += [item["Prefix"].removeprefix(full) for item in page.get("CommonPrefixes", [])]
        return tuple(sorted(names))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        with translated(self._config.place, doing):
            yield

    def _attempt(self, doing: str, call: Callable[[], _Result], expected: frozenset[str]) -> _Result | None:
        """Return the call's result, or None where the server answered with one of the `expected` codes."""
        with self._translated(doing):
            try:
                return call()
            except ClientError as error:
                if code_of(error) in expected:
                    return None
                raise

    def _upload(self, full_key: str, part: bytes, source: BinaryIO) -> bool:
        """Write an object of several parts; it appears whole or not at all."""
        # Looked up first too: a server may not know the condition at the end of an upload.
        if self._attempt(f"reading {full_key}", lambda: self._head(full_key), MISSING):
            return False
        upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=full_key, **self._locked())["UploadId"]
        try:
            parts: list[CompletedPartTypeDef] = []
            while part:
                number = len(parts) + 1
                more: dict[str, Any] = {"ContentMD5": _md5(part)} if self._config.lock else {}
                sent = self._client.upload_part(
                    Bucket=self._bucket, Key=full_key, UploadId=upload, PartNumber=number, Body=part, **more
                )
                parts.append({"ETag": sent["ETag"], "PartNumber": number})
                part = b""  # or two of them would be in memory
                part = _read_part(source)
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=full_key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:  # whatever ended it: the parts sent so far cost money until they are dropped
            with suppress(ClientError, BotoCoreError):  # what ended it is what matters
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=full_key, UploadId=upload)
            raise
        return True

    def _locked(self) -> Any:
        """Return the arguments by which the bucket locks an object from now on; none without a lock."""
        lock = self._config.lock
        if lock is None:
            return {}
        until = datetime.now(UTC) + timedelta(days=lock.days)
        return {"ObjectLockMode": lock.mode.upper(), "ObjectLockRetainUntilDate": until}

    def _head(self, full_key: str) -> bool:
        self._client.head_object(Bucket=self._bucket, Key=full_key)
        return True


def make_client(config: StoreConfig) -> S3Client:
    """Return a boto3 client for the bucket's server."""
    settings = client_settings(config)
    with _SESSION_LOCK:
        return _session().client(
            "s3",
            endpoint_url=config.endpoint_url,
            config=settings,
            aws_access_key_id=config.access_key,
            aws_secret_access_key=config.secret_key.reveal() if config.secret_key else None,
            aws_session_token=config.session_token.reveal() if config.session_token else None,
            region_name=config.region,
            verify=config.verify,
        )


def client_settings(config: StoreConfig) -> Config:
    """Return the settings of the client; SpecError for `options` that botocore does not know."""
    try:
        options = Config(**config.options)
    except (TypeError, ValueError, BotoCoreError) as error:
        raise SpecError(f"{config.place}: `config_kwargs` in the extra of its connection: {error}") from error
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if config.endpoint_url else "auto"},
        # Older S3 servers refuse the checksums that boto3 sends since 1.36; what matters is sealed or has sums of its
        # own anyway. https://github.com/boto/boto3/issues/4392
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    ).merge(options)


@cache
def _session() -> boto3.session.Session:
    """Return the process's session: it reads the description of S3 once, which takes a while, for all clients."""
    inner = get_session()
    inner.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.session.Session(botocore_session=inner)


def read_time(text: Any) -> datetime:
    """Read a time of an S3 server; ValueError if it is none.

    Those of listings are in ISO 8601. botocore's own reader, which knows every form, takes ten times as long for one: a
    tenth of a second for the thousand of a page.
    """
    if isinstance(text, str) and text.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return parse_timestamp(text)


_SESSION_LOCK = threading.Lock()
"""boto3's sessions make one client at a time."""


def _md5(data: bytes) -> str:
    """Return the sum that S3 asks for with each locked object: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _read_part(source: BinaryIO) -> bytes:
    """Read a whole part, or less only at the end: pipes return short reads."""
    pieces: list[bytes] = []
    missing = PART_BYTES
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
