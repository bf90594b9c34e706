"""The commands of `windlass` that a worker can run for somebody elsewhere, with their arguments and what they take.

Each is named by the words that a person writes. What a command takes is said here alone: the API server asks for it
with roles and teams, and the task once more with the name, which is all that a task knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from windlass.domain.spec.access import RIGHTS, Right
from windlass.domain.spec.rights import OPERATE, SEE
from windlass.errors import SpecError

ANSWER_TASK = "answer"
"""The task that runs a command; its result is the sealed answer."""
_LONG = 1024 * 1024
"""Characters of a spec, or of a sealed PKI in base64."""
_SHORT = 512


class Command(StrEnum):
    """A command, in the words that a person writes after `windlass`."""

    PLAN = "plan"
    AUDIT = "audit"
    CERTIFICATES = "certificates"
    BACKUP_LIST = "backup list"
    BACKUP_SHOW = "backup show"
    BACKUP_VERIFY = "backup verify"
    BREAK_GLASS = "kubeconfig --break-glass"
    MASTER_KEY = "master-key"
    PEOPLE_KEY = "people-key"
    RECORD_KEY = "store record-key"
    READING_KEY = "store reading-key"
    MIRROR_ACCEPT = "mirror accept"
    MIRROR_ACCEPTED = "mirror accepted"
    STORE_CHECK = "store check"
    STORE_SIGN = "store sign"
    STORE_ACCEPT = "store accept"
    STORE_RESTORE_PKI = "store restore-pki"
    STORE_SPEC = "store spec"


class Arguments(BaseModel):
    """What a command is told; this one nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FormArguments(Arguments):
    """Of a command that prints for people or for programs."""

    as_json: bool = False


class AuditArguments(FormArguments):
    """Of `audit`."""


class CertificatesArguments(FormArguments):
    """Of `certificates`."""

    within: int | None = None
    """Only what ends within so many days."""


class PlanArguments(FormArguments):
    """Of `plan`."""

    spec: str = Field("", max_length=_LONG)
    to: str = Field("", max_length=_SHORT)
    stop_after: str = Field("", max_length=_SHORT)
    gone: tuple[str, ...] = ()
    accept_new_host_key: tuple[str, ...] = ()
    allow_untested: bool = False
    plan_digest: str = Field("", max_length=_SHORT)


class BundleArguments(Arguments):
    """Of what is about one bundle."""

    bundle: str = Field(max_length=_SHORT)


class BreakGlassArguments(Arguments):
    """Of `kubeconfig --break-glass`; who it is for is no argument."""

    hours: float
    reason: str = Field(max_length=_SHORT)


class AcceptArguments(Arguments):
    """Of `mirror accept`."""

    mirror: str = Field(max_length=2048)
    digest: str | None = Field(None, max_length=_SHORT)


class SignArguments(Arguments):
    """Of `store sign`."""

    plan_only: bool = False


class ClusterArguments(Arguments):
    """Of what repairs what the store has of one cluster."""

    cluster: str = Field(max_length=63)


class RestorePkiArguments(ClusterArguments):
    """Of `store restore-pki`."""

    copy_base64: str = Field(max_length=4 * _LONG)
    """A host's copy of the PKI, which the master key has sealed."""


class SpecArguments(ClusterArguments):
    """Of `store spec`."""

    write: str | None = Field(None, max_length=_LONG)
    """What is stored in its place; None prints the one that is there."""
    filename: str = Field("spec", max_length=_SHORT)


@dataclass(frozen=True)
class Needs:
    """What a command takes of whoever gives it."""

    rights: tuple[Right, ...]
    """Over its cluster, or over every cluster if it is about none; by Airflow as well."""
    is_for_keepers: bool = False
    """Whether Airflow must let them change the connection of the master key: they are trusted with everything."""


@dataclass(frozen=True)
class _Kind:
    arguments: type[Arguments]
    needs: Needs
    is_about_cluster: bool


_SEE, _ALL = Needs((SEE,)), Needs(RIGHTS)
_KEYS = Needs(RIGHTS, is_for_keepers=True)
_REPAIR = Needs((), is_for_keepers=True)
"""What repairs the store is there for when nothing in it can be believed, who has which right included."""
_KINDS: Mapping[Command, _Kind] = {
    Command.PLAN: _Kind(PlanArguments, _SEE, is_about_cluster=True),
    Command.AUDIT: _Kind(AuditArguments, _SEE, is_about_cluster=True),
    Command.CERTIFICATES: _Kind(CertificatesArguments, _SEE, is_about_cluster=True),
    Command.BACKUP_LIST: _Kind(FormArguments, _SEE, is_about_cluster=True),
    Command.BACKUP_SHOW: _Kind(BundleArguments, _SEE, is_about_cluster=True),
    Command.BACKUP_VERIFY: _Kind(BundleArguments, _SEE, is_about_cluster=True),
    Command.BREAK_GLASS: _Kind(BreakGlassArguments, _ALL, is_about_cluster=True),
    Command.MASTER_KEY: _Kind(FormArguments, _SEE, is_about_cluster=False),
    Command.PEOPLE_KEY: _Kind(Arguments, _KEYS, is_about_cluster=False),
    Command.RECORD_KEY: _Kind(Arguments, _KEYS, is_about_cluster=False),
    Command.READING_KEY: _Kind(Arguments, _KEYS, is_about_cluster=False),
    Command.MIRROR_ACCEPT: _Kind(AcceptArguments, _KEYS, is_about_cluster=False),
    Command.MIRROR_ACCEPTED: _Kind(Arguments, _SEE, is_about_cluster=False),
    Command.STORE_CHECK: _Kind(Arguments, _REPAIR, is_about_cluster=False),
    Command.STORE_SIGN: _Kind(SignArguments, _REPAIR, is_about_cluster=False),
    Command.STORE_ACCEPT: _Kind(ClusterArguments, _REPAIR, is_about_cluster=False),
    Command.STORE_RESTORE_PKI: _Kind(RestorePkiArguments, _REPAIR, is_about_cluster=False),
    Command.STORE_SPEC: _Kind(SpecArguments, _REPAIR, is_about_cluster=False),
}


def is_about_cluster(command: Command) -> bool:
    """Tell whether a command is about one cluster, whose spec says who may give it."""
    return _KINDS[command].is_about_cluster


def read_arguments(command: Command, given: Mapping[str, Any]) -> Arguments:
    """Return a command's arguments; SpecError names those that it does not take, and quotes none."""
    try:
        return _KINDS[command].arguments.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise SpecError(
            f"`windlass {command}`: {wrong}; is the Windlass in Airflow as new as the one that asks?"
        ) from None


def needs_of(command: Command, arguments: Arguments) -> Needs:
    """Return what a command takes: a plan of another spec goes wherever that names, as an operation does."""
    if isinstance(arguments, PlanArguments) and arguments.spec:
        return Needs((OPERATE,))
    return _KINDS[command].needs
