"""What the API answers, typed: for its description, and for whoever reads that.

Answers are made of what the store has, which later versions may have written: further fields may come with any of them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from windlass.domain.servicelog import Level
from windlass.domain.spec.overview import Standing


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class Failure(_Answer):
    """Why there is no answer, what is wrong, and what to do."""

    detail: str


class WrongField(_Answer):
    """A part of a request that is not of its form."""

    loc: list[str | int] = Field(description="Where it is: `path`, `query` or `body`, then names and numbers.")
    msg: str
    type: str


class WrongRequest(_Answer):
    """All that is wrong with a request."""

    detail: list[WrongField]


class ServiceState(_Answer):
    """A component as it was observed; what was observed more than a quarter of an hour ago is unknown."""

    status: str = Field(description="healthy, unhealthy, initializing or unknown")
    since: str | None = Field(description="ISO 8601")
    evidence: str
    seen_from: list[str] = Field(description="the hosts that look at it")


class HostAnswer(_Answer):
    """A host, and the components on it by name."""

    name: str
    address: str
    roles: list[Literal["etcd", "control-plane", "worker"]]
    heard: bool | None = Field(description="whether it is heard of; null: not known")
    services: dict[str, ServiceState]


class ServiceCount(_Answer):
    """How many components are healthy, of how many."""

    healthy: int
    wanted: int


class AlertLine(_Answer):
    """What needs somebody."""

    key: str
    text: str


class FindingLine(_Answer):
    """What the watch has found."""

    id: str
    kind: str
    host: str
    component: str
    since: str
    evidence: str


class OperationAtWork(_Answer):
    """The run that has the cluster's lease."""

    operation: str
    dag_id: str
    run_id: str
    since: str
    heartbeat: str
    can_be_paused: bool


class NewestBackup(_Answer):
    """The newest bundle, the newest one that a drill has proven, and how many there are."""

    newest: str | None
    taken: str | None
    age_seconds: int | None
    proven: str | None
    count: int


class HealthAnswer(_Answer):
    """How a cluster is, by its last observation."""

    name: str
    standing: Standing
    observed: str | None = Field(description="ISO 8601; null: never")
    services: ServiceCount
    hosts: list[HostAnswer]
    addons: dict[str, ServiceState]
    findings: list[FindingLine]
    alerts: list[AlertLine]


class ClusterGlance(HealthAnswer):
    """A cluster at a glance."""

    version: str
    topology: str
    operation: OperationAtWork | None
    backup: NewestBackup
    upgrades: list[str] = Field(description="the releases that it may move to")


class UnreadableCluster(_Answer):
    """A cluster of which the store has something that cannot be read."""

    name: str
    error: str


class BundleLine(_Answer):
    """A recovery bundle."""

    id: str
    taken: str
    age_seconds: int
    revision: int
    proven: bool | None = Field(description="whether its last drill restored it; null: none was held")


class LogEntry(_Answer):
    """One thing that happened to a cluster."""

    name: str = Field(description="its place in the log, which `after` takes")
    time: str
    operation: str
    text: str
    level: Level
    run_id: str
    reason: str
    host: str
    component: str
    details: dict[str, Any]


class ApiContext(_Answer):
    """An address of a cluster's API servers."""

    name: str
    server: str


class ClusterAccess(_Answer):
    """What a kubeconfig without a key is made of."""

    cluster: str
    contexts: list[ApiContext]
    authority: str = Field(description="PEM")


class CertificateAnswer(_Answer):
    """A certificate for whoever asked."""

    certificate: str = Field(description="PEM")
    user: str
    groups: list[str]
    issued: str
    expires: str


class GivenCommand(_Answer):
    """A command that a worker will do."""

    run: str


class CommandState(_Answer):
    """How far a command is."""

    state: Literal["waiting", "working", "answered", "failed"]
    answer: str = Field(description="sealed for the key of the request; empty until it is answered")


class GivenPlan(_Answer):
    """A plan that a worker will make."""

    operation: str
    run: str


class PlanState(_Answer):
    """How far a plan is."""

    state: Literal["waiting", "working", "planned", "failed"]
    text: str = Field(description="The plan in lines; empty until it is there.")
    digest: str = Field(description="What `plan_digest` of the operation takes; empty where its plans have none.")
    errors: list[str] = Field(description="Why it failed, by step.")


class SpecProblem(_Answer):
    """One thing that is wrong with a spec."""

    line: int
    text: str


class CheckedSpecAnswer(_Answer):
    """What is wrong with a spec; nothing is kept, and no host or store was asked."""

    problems: list[SpecProblem]
    valid: str = Field(description="What it is a spec of; empty while something is wrong with it.")
    name: str
    form: dict[str, Any] | None = Field(description="What the pages' form shows of it.")
