"""The network load balancer in front of a cluster's API servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from windlass.domain.host.layout import API_PORT
from windlass.domain.spec.ec2_settings import Ec2Balancer
from windlass.effects.providers.ec2.cloud import (
    CLUSTER_TAG,
    DENIED,
    Cloud,
    code_of,
    short_digest,
    tags_of,
    translated,
)
from windlass.effects.providers.ec2.vpc import Subnets
from windlass.errors import RefusedError

_CHECK = {
    "HealthCheckProtocol": "HTTPS",
    "HealthCheckPath": "/readyz",
    "HealthCheckIntervalSeconds": 10,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
"""As the API proxies ask: a server that is about to stop says so here first, and gets no new connections."""
_CROSS_ZONE = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
"""An address serves as long as one API server does, in whatever zone."""


@dataclass(frozen=True)
class Balancer:
    """Makes, converges and deletes the load balancer of one cluster; each call may be made twice."""

    cloud: Cloud
    cluster: str

    @property
    def _name(self) -> str:
        """Its name, and that of its target group: at most 32 characters, one by account and region."""
        return f"windlass-{short_digest(self.cluster, digits=16)}"

    def provide(self, wanted: Ec2Balancer, subnets: Subnets, group: str | None) -> None:
        """Make what is missing of the load balancer that the spec asks for."""
        there = self._found("load_balancer", "LoadBalancers")
        arn = there["LoadBalancerArn"] if there else self._make(wanted, subnets, group)
        with translated("have the load balancer serve all zones"):
            self.cloud.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=_CROSS_ZONE)
        targets = self._found("target_group", "TargetGroups") or self._make_target_group(subnets.vpc)
        with translated("list listeners"):
            listeners = self.cloud.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        if not any(one["Port"] == API_PORT for one in listeners):
            with translated("have the load balancer listen"):
                self.cloud.elb.create_listener(
                    LoadBalancerArn=arn,
                    Protocol="TCP",
                    Port=API_PORT,
                    DefaultActions=[{"Type": "forward", "TargetGroupArn": targets["TargetGroupArn"]}],
                    Tags=self.cloud.tags(self.cluster, self._name),
                )

    def _make(self, wanted: Ec2Balancer, subnets: Subnets, group: str | None) -> str:
        if wanted.addresses:
            mappings = [{"SubnetId": subnets.of(one), "PrivateIPv4Address": one} for one in wanted.addresses]
        else:
            pairs = zip(subnets.by_range.values(), wanted.allocation_ids, strict=False)
            mappings = [{"SubnetId": subnet, "AllocationId": one} for subnet, one in pairs]
        with translated("make the load balancer"):
            answer = self.cloud.elb.create_load_balancer(
                Name=self._name,
                Type="network",
                Scheme="internal" if wanted.addresses else "internet-facing",
                SubnetMappings=mappings,
                Tags=self.cloud.tags(self.cluster, f"windlass-{self.cluster}-api"),
                **({"SecurityGroups": [group]} if group else {}),
            )
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    def _make_target_group(self, vpc: str) -> Mapping[str, Any]:
        with translated("make the load balancer's target group"):
            answer = self.cloud.elb.create_target_group(
                Name=self._name,
                Protocol="TCP",
                Port=API_PORT,
                VpcId=vpc,
                TargetType="instance",
                Tags=self.cloud.tags(self.cluster, f"windlass-{self.cluster}-api"),
                **_CHECK,
            )
        return dict(answer["TargetGroups"][0])

    def register(self, instances: Collection[str]) -> None:
        """Have it send clients to these instances too."""
        if (arn := self._target_group()) and (new := set(instances) - self._targets(arn)):
            with translated("register API servers"):
                self.cloud.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in sorted(new)])

    def drop_others(self, instances: Collection[str]) -> None:
        """Have it send clients to no other instances than these."""
        if (arn := self._target_group()) and (old := self._targets(arn) - set(instances)):
            self._deregister(arn, old)

    def drop(self, instances: Collection[str]) -> None:
        """Have it send no clients to these instances any more."""
        if instances and (arn := self._target_group()) and (old := self._targets(arn) & set(instances)):
            self._deregister(arn, old)

    def _deregister(self, arn: str, instances: Collection[str]) -> None:
        with translated("deregister API servers"):
            self.cloud.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in sorted(instances)])

    def _target_group(self) -> str | None:
        found = self._found("target_group", "TargetGroups")
        return None if found is None else str(found["TargetGroupArn"])

    def _targets(self, arn: str) -> set[str]:
        with translated("list API servers behind the load balancer"):
            told = self.cloud.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {one["Target"]["Id"] for one in told if one.get("TargetHealth", {}).get("State") != "draining"}

    def delete(self) -> None:
        """Delete the load balancer with all that belongs to it, if there is one."""
        if there := self._found("load_balancer", "LoadBalancers"):
            with translated("list listeners"):
                listeners = self.cloud.elb.describe_listeners(LoadBalancerArn=there["LoadBalancerArn"])["Listeners"]
            for one in listeners:
                with translated("delete a listener"):
                    self.cloud.elb.delete_listener(ListenerArn=one["ListenerArn"])
            with translated("delete the load balancer"):
                self.cloud.elb.delete_load_balancer(LoadBalancerArn=there["LoadBalancerArn"])
        if arn := self._target_group():
            with translated("delete the load balancer's target group"):
                self.cloud.elb.delete_target_group(TargetGroupArn=arn)

    def _found(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return what bears this cluster's name; RefusedError if it was made for something else.

        Where the spec has no load balancer, and the login may not ask about any, there is none.
        """
        with translated(f"look for the {kind.replace('_', ' ')}"):
            try:
                found = getattr(self.cloud.elb, f"describe_{kind}s")(Names=[self._name])[key]
            except ClientError as error:
                is_none_wanted = self.cloud.settings.load_balancer is None and code_of(error) in DENIED
                if code_of(error).endswith("NotFound") or is_none_wanted:
                    return None
                raise
        return self._checked(found[0], key) if found else None

    def _checked(self, one: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        arn = one[f"{key.removesuffix('s')}Arn"]
        with translated("read tags"):
            tags = self.cloud.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        if not any(tags_of(told).get(CLUSTER_TAG) == self.cluster for told in tags):
            raise RefusedError(f"{arn} has the name that is for {self.cluster}, and not its tag; delete or rename it")
        return one
