"""What all parts of the provider share: the clients, the tags, and what errors of AWS mean."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from windlass.domain.catalog.drivers import Traffic
from windlass.domain.scripts.first_boot import MachineLogin
from windlass.domain.spec.ec2_settings import Ec2Settings
from windlass.domain.spec.models import Host
from windlass.errors import NotReadyError, RefusedError, UnreachableError

CLUSTER_TAG = "windlass-cluster"
HOST_TAG = "windlass-host"
GROUP_TAG = "windlass-group"
FIRST_BOOT_TAG = "windlass-first-boot"
"""Of an instance that says its SSH host key on its console."""
HOST_KEY_TAG = "windlass-host-key"
"""What it has said."""
_PASSES = frozenset(
    {
        "DependencyViolation", "InsufficientAddressCapacity", "InsufficientCapacity", "InsufficientHostCapacity",
        "InsufficientInstanceCapacity", "InsufficientReservedInstanceCapacity", "InternalError", "InternalFailure",
        "InternalServiceError", "InvalidIPAddress.InUse", "InvalidInstanceID.NotFound", "InvalidKeyPair.Duplicate",
        "InvalidPermission.Duplicate", "InvalidGroup.Duplicate", "InvalidGroup.InUse", "InvalidGroup.NotFound",
        "InvalidTarget", "IncorrectInstanceState", "IncorrectState", "PriorRequestNotComplete", "RequestLimitExceeded",
        "RequestThrottled", "ResourceInUse", "ServiceUnavailable", "SpotMaxPriceTooLow", "Throttling",
        "ThrottlingException", "TooManyRequestsException", "Unavailable", "UnfulfillableCapacity",
    }
)  # fmt: skip
"""What AWS answers now and not for ever: docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html."""
_CAPACITY = "; there is no such machine free now: wait, or give another instanceType or a subnet in another zone"
DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True)
class Cloud:
    """AWS as one cluster's provider sees it. `ec2` and `elb` are boto3's clients for EC2 and ELBv2."""

    ec2: Any
    elb: Any
    settings: Ec2Settings
    login: Callable[[Host], MachineLogin]
    """Who is let in to a new machine; asked only when one is made."""
    pause: Callable[[float], None] = time.sleep
    between_nodes: tuple[Traffic, ...] = ()
    """What the cluster's drivers send from node to node."""

    def tags(self, cluster: str, name: str, **more: str) -> list[dict[str, str]]:
        """Return the tags of something that is made for a cluster, as AWS takes them."""
        own = {CLUSTER_TAG: cluster, "Name": name, **more}
        return [{"Key": key, "Value": value} for key, value in {**self.settings.tags, **own}.items()]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of something."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or ()}


def of_cluster(cluster: str) -> dict[str, Any]:
    """Return the filter for what was made for a cluster."""
    return {"Name": f"tag:{CLUSTER_TAG}", "Values": [cluster]}


def short_digest(*words: str, digits: int) -> str:
    """Return some digits by which a name differs from others."""
    return hashlib.sha256("/".join(words).encode()).hexdigest()[:digits]


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise what AWS answers as errors of Windlass: NotReadyError where another try may do, RefusedError else."""
    try:
        yield
    except ClientError as error:
        code, told = code_of(error), error.response.get("Error", {}).get("Message")
        text = f"AWS: cannot {doing}: {code}: {told}"
        if code not in _PASSES:
            raise RefusedError(text) from error
        raise NotReadyError(f"{text}{_CAPACITY if 'Capacity' in code else ''}") from error
    except BotoCoreError as error:
        raise UnreachableError(f"AWS: {doing}: {error}") from error


def code_of(error: ClientError) -> str:
    """Return AWS' name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
