"""The only module that imports etcd3.

etcd3's generated code is older than today's protobuf can load (https://github.com/kragniz/python-etcd3/issues/2709),
and than learners. So its descriptions of the messages
are read from its files without running them, what etcd added since (api/etcdserverpb/rpc.proto of etcd 3.7) is added
to them, and the classes are built in a descriptor pool of our own, which leaves protobuf's global one alone. They are
then put where etcd3 looks for its generated modules.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SERIALIZED = re.compile(r"serialized_pb=_b\((?P<literal>'(?:[^'\\]|\\.)*')\)")
_MODULES = ("kv_pb2", "auth_pb2", "rpc_pb2")
_Field = descriptor_pb2.FieldDescriptorProto
_NEWER_FIELDS = {
    "Member": [("isLearner", 5, _Field.TYPE_BOOL)],
    "MemberAddRequest": [("isLearner", 2, _Field.TYPE_BOOL)],
    "MemberListRequest": [("linearizable", 1, _Field.TYPE_BOOL)],
    "HashKVResponse": [("hash_revision", 4, _Field.TYPE_INT64)],
    "SnapshotResponse": [("version", 4, _Field.TYPE_STRING)],
    "StatusResponse": [
        ("raftAppliedIndex", 7, _Field.TYPE_UINT64),
        ("errors", 8, _Field.TYPE_STRING),
        ("dbSizeInUse", 9, _Field.TYPE_INT64),
        ("isLearner", 10, _Field.TYPE_BOOL),
        ("storageVersion", 11, _Field.TYPE_STRING),
        ("dbSizeQuota", 12, _Field.TYPE_INT64),
    ],
    "MemberPromoteRequest": [("ID", 1, _Field.TYPE_UINT64)],
    "MemberPromoteResponse": [],
}
_REPEATED = {("StatusResponse", "errors")}


def _load() -> tuple[Any, Any]:
    """Return the module of messages, and etcd3's client class."""
    spec = importlib.util.find_spec("etcd3")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("etcd3 is not installed; install the requirements")
    folder = Path(spec.submodule_search_locations[0]) / "etcdrpc"
    pool = descriptor_pool.DescriptorPool()
    for name in _MODULES:
        described = _description(folder / f"{name}.py")
        if name == "rpc_pb2":
            _add_newer(described)
        pool.Add(described)
        sys.modules[f"etcd3.etcdrpc.{name}"] = _module(name, described, pool)
    etcd3 = importlib.import_module("etcd3")  # noqa: TID251 (only now can it be imported)
    return sys.modules["etcd3.etcdrpc.rpc_pb2"], etcd3.Etcd3Client


def _description(path: Path) -> descriptor_pb2.FileDescriptorProto:
    """Read the serialised description that a generated module holds: `serialized_pb=_b('…')`."""
    found = _SERIALIZED.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise ImportError(f"{path} is not the generated code of etcd3 0.12; install the pinned requirements")
    text: str = ast.literal_eval(found["literal"])
    return descriptor_pb2.FileDescriptorProto.FromString(text.encode("latin1"))


def _add_newer(described: descriptor_pb2.FileDescriptorProto) -> None:
    messages = {message.name: message for message in described.message_type}
    for name, fields in _NEWER_FIELDS.items():
        message = messages.get(name) or described.message_type.add(name=name)
        for field, number, kind in fields:
            label = _Field.LABEL_REPEATED if (name, field) in _REPEATED else _Field.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, label=label)


def _module(
    name: str, described: descriptor_pb2.FileDescriptorProto, pool: descriptor_pool.DescriptorPool
) -> ModuleType:
    module = ModuleType(f"etcd3.etcdrpc.{name}")
    file = pool.FindFileByName(described.name)
    for message, descriptor in file.message_types_by_name.items():
        setattr(module, message, message_factory.GetMessageClass(descriptor))
    for enum in file.enum_types_by_name.values():
        for value in enum.values:
            setattr(module, value.name, value.number)
    return module


rpc, Etcd3Client = _load()
