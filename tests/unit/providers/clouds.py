"""Clouds as Apache Libcloud sees them: its dummy driver, and the HTTP APIs of two clouds, in memory.

The drivers of those two are Libcloud's own; only what their requests get for an answer is made here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import responses
from requests import PreparedRequest

from contracts.host_provider import ADDRESSES
from unit.providers.aws import KEY
from windlass.domain.scripts.first_boot import MachineLogin
from windlass.domain.spec.libcloud_settings import LibcloudSettings
from windlass.domain.spec.provider_settings import read_settings
from windlass.effects.providers import LibcloudProvider
from windlass.effects.providers.libcloud import make_driver

KINDS = ("dummy", "digitalocean", "vultr")
SETTINGS: dict[str, dict[str, Any]] = {
    "dummy": {"driver": "dummy", "image": "1", "size": "1"},
    "digitalocean": {
        "driver": "digitalocean", "image": "1", "size": "s-2vcpu", "location": "ams3", "userData": "ex_user_data",
        "arguments": {"ex_create_attr": {"private_networking": True, "tags": ["windlass", "{cluster}"]}},
    },
    "vultr": {
        "driver": "vultr", "image": "477", "size": "vc2-2c", "location": "ams", "userData": "ex_userdata",
        "arguments": {"ex_hostname": "{name}"},
    },
}  # fmt: skip
Answer = tuple[int, dict[str, str], str]


@dataclass
class Clouds:
    """The clouds; `nodes` are those of the HTTP APIs by id."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    fails: list[int] = field(default_factory=list)
    """Statuses that the next requests are answered with, first of all."""
    crashes_after_creation: bool = False
    dummy: Any = None

    def provider(self, cloud: str) -> LibcloudProvider:
        settings = read_settings(LibcloudSettings, SETTINGS[cloud])
        if cloud != "dummy" or self.dummy is None:
            driver = make_driver(settings.driver, ["key"], {})
            if cloud == "dummy":
                self.dummy = with_addresses(driver)
                driver = self.dummy
        else:
            driver = self.dummy
        return LibcloudProvider(driver, settings, lambda _: MachineLogin("ops", KEY), pause=_pause())

    def answer(self, http: responses.RequestsMock) -> None:
        for method in ("GET", "POST", "DELETE"):
            http.add_callback(method, re.compile(r"https://api\.(digitalocean|vultr)\.com.*"), self._answer)

    def _answer(self, request: PreparedRequest) -> Answer:
        if self.fails:
            return self.fails.pop(0), {"Content-Type": "application/json"}, '{"message": "not now", "error": "not now"}'
        path = str(request.path_url).partition("?")[0].strip("/").split("/")
        if request.method == "POST":
            return self._create(path[1], json.loads(request.body or "{}"))
        if request.method == "DELETE":
            del self.nodes[path[2]]
            return _said(204, None)
        whole = {path[1]: LISTS.get(path[1], list(self.nodes.values())), "meta": {"links": {"next": ""}}, "links": {}}
        return _said(
            200, whole if path[1] not in {"bare-metals", "plans-metal"} else whole | {path[1].replace("-", "_"): []}
        )

    def _create(self, kind: str, body: dict[str, Any]) -> Answer:
        self.asked.append(body)
        id_ = str(len(self.asked) + 100)
        name = body.get("name") or body["label"]
        address = next((one for host, one in ADDRESSES.items() if name.endswith(f"-{host}")), "10.0.1.99")
        self.nodes[id_] = DROPLET(id_, name, address) if kind == "droplets" else INSTANCE(id_, name, address)
        if self.crashes_after_creation:
            self.crashes_after_creation = False
            raise KeyboardInterrupt
        return _said(202, {"droplet" if kind == "droplets" else "instance": self.nodes[id_]})


def _pause() -> Callable[[float], None]:
    """Return a pause that takes no time; whoever takes a hundred waits for what does not come."""
    pauses = count()

    def pause(_: float) -> None:
        assert next(pauses) < 100, "it waits for ever"

    return pause


def _said(status: int, value: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, "" if value is None else json.dumps(value)


def with_addresses(driver: Any) -> Any:
    """Have the dummy driver begin with no node, and give nodes the names that are asked for, and addresses."""
    driver.nl.clear()
    create, ids = driver.create_node, count(1)

    def create_node(name: str, **given: Any) -> Any:
        node = create(name=name, **given)
        node.id, node.name = next(ids), name
        node.private_ips = [next(one for host, one in ADDRESSES.items() if name.endswith(f"-{host}"))]
        return node

    driver.create_node = create_node
    return driver


def DROPLET(id_: str, name: str, address: str) -> dict[str, Any]:  # noqa: N802
    networks = {"v4": [{"type": "private", "ip_address": address}], "v6": []}
    return {
        "id": int(id_), "name": name, "status": "active", "created_at": "2026-11-01T00:00:00Z", "networks": networks,
        "region": {"name": "ams3"}, "image": LISTS["images"][0], "size": LISTS["sizes"][0], "size_slug": "s-2vcpu",
    }  # fmt: skip


def INSTANCE(id_: str, name: str, address: str) -> dict[str, Any]:  # noqa: N802
    words = [
        "netmask_v4", "gateway_v4", "v6_network", "v6_network_size", "app_id", "image_id", "os", "ram", "disk",
        "allowed_bandwidth", "server_status", "firewall_group_id", "vcpu_count", "v6_main_ip", "tag",
    ]  # fmt: skip
    return dict.fromkeys(words, "") | {
        "id": id_, "label": name, "status": "active", "power_status": "running", "main_ip": "203.0.113.9",
        "internal_ip": address, "plan": "vc2-2c", "os_id": 477, "date_created": "2026-11-01T00:00:00+00:00",
        "region": "ams", "features": [],
    }  # fmt: skip


LISTS: dict[str, list[dict[str, Any]]] = {
    "images": [
        {
            "id": 1, "name": "12 x64", "distribution": "Debian", "slug": "debian-12", "public": True,
            "regions": ["ams3"], "min_disk_size": 10, "created_at": "2026-01-01T00:00:00Z",
        }
    ],
    "sizes": [
        {
            "slug": "s-2vcpu", "memory": 4096, "vcpus": 2, "disk": 80, "transfer": 4, "price_hourly": 0.03,
            "price_monthly": 24, "regions": ["ams3"], "available": True,
        }
    ],
    "os": [{"id": 477, "name": "Debian 12", "arch": "x64", "family": "debian"}],
    "plans": [
        {
            "id": "vc2-2c", "ram": 4096, "disk": 80, "bandwidth": 1, "monthly_cost": 20, "locations": ["ams"],
            "type": "vc2", "disk_count": 1, "vcpu_count": 2,
        }
    ],
    "regions": [
        {
            "slug": "ams3", "name": "Amsterdam 3", "available": True, "features": [], "sizes": ["s-2vcpu"],
            "id": "ams", "city": "Amsterdam", "country": "NL", "continent": "Europe", "options": [],
        }
    ],
    "bare-metals": [],
    "plans-metal": [],
}  # fmt: skip
