from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.installs import host_images
from windlass.domain.rollout.disruption import orphans
from windlass.domain.spec.access import PEOPLE_ROLES
from windlass.errors import SpecError

OWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: default}\n"
EVERYTHING: dict[str, Any] = {
    "loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.100-192.0.2.110"]},
    "monitoring": {"driver": "metrics-server"},
    "manifests": [{"name": "mine", "content": OWN}],
}


def addons(rendering: Any) -> set[str]:
    return {manifest.addon for manifest in rendering.manifests()}


def pods(rendering: Any) -> list[tuple[str, Any]]:
    kinds = {"Deployment", "DaemonSet"}
    found = [manifest for manifest in rendering.manifests() if manifest.kind in kinds]
    return [(str(manifest), manifest.document["spec"]["template"]) for manifest in found]


def text_of(rendering: Any, addon: str) -> str:
    return "\n".join(json.dumps(found.document) for found in rendering.manifests() if found.addon == addon)


def test_the_spec_picks_the_drivers(render: Any) -> None:
    assert addons(render()) == {"access", "proxy", "network", "dns", "storage"}
    assert addons(render(**EVERYTHING)) == addons(render()) | {"load-balancer", "monitoring", "own/mine"}


def test_drivers_none_give_nothing(render: Any) -> None:
    none = {name: {"driver": "none"} for name in ("network", "dns", "storage", "loadBalancer", "monitoring")}
    assert addons(render(**none)) == {"access", "proxy"}


def test_drivers_of_the_user_are_left_to_the_user(render: Any) -> None:
    assert "network" not in addons(render(network={"driver": "mine.network:Driver"}))


def test_what_others_need_comes_first_and_the_users_own_last(render: Any) -> None:
    kinds = [manifest.kind for manifest in render(**EVERYTHING).manifests()]
    assert kinds.index("ServiceAccount") > max(i for i, kind in enumerate(kinds) if kind == "Namespace")
    assert kinds.index("Deployment") > max(i for i, kind in enumerate(kinds) if kind == "CustomResourceDefinition")
    assert kinds[-3:] == ["IPAddressPool", "L2Advertisement", "ConfigMap"]


def test_every_object_of_windlass_says_whose_it_is(render: Any) -> None:
    for manifest in render().manifests():
        labels = manifest.document["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "windlass"
        assert labels["io.windlass/addon"] == manifest.addon


def test_objects_of_the_user_are_left_as_they_are(render: Any) -> None:
    assert render(**EVERYTHING).manifests()[-1].document == yaml.safe_load(OWN)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: 1\nb: c: d", "line 2: no YAML"),
        ("kind: X", "it needs apiVersion, kind and metadata.name"),
        ("[]", "it needs apiVersion, kind and metadata.name"),
    ],
)
def test_names_the_users_manifest_that_is_wrong(render: Any, content: str, problem: str) -> None:
    with pytest.raises(SpecError, match=rf"spec\.manifests: `bad`.*{problem}"):
        render(manifests=[{"name": "bad", "content": content}]).manifests()


def test_every_object_is_there_once(render: Any) -> None:
    names = [(manifest.kind, manifest.namespace, manifest.name) for manifest in render(**EVERYTHING).manifests()]
    assert len(names) == len(set(names))


def test_every_image_comes_from_the_mirror_by_digest(render: Any) -> None:
    for name, template in pods(render(**EVERYTHING)):
        for container in template["spec"]["containers"]:
            assert container["image"].startswith("192.0.2.1:5000/windlass/"), name
            assert "@sha256:" in container["image"], name


def test_pods_select_themselves(render: Any) -> None:
    for manifest in render(**EVERYTHING).manifests():
        if manifest.kind in {"Deployment", "DaemonSet"}:
            spec = manifest.document["spec"]
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_bound_roles_and_accounts_exist(render: Any) -> None:
    manifests = render(**EVERYTHING).manifests()
    accounts = {(found.namespace, found.name) for found in manifests if found.kind == "ServiceAccount"}
    roles = {(found.kind, found.name) for found in manifests}
    for binding in (found.document for found in manifests if found.kind.endswith("RoleBinding")):
        role = (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        built_in = role[1].startswith(("system:", "extension-")) or role[1] in PEOPLE_ROLES
        assert built_in or role in roles
        for subject in binding["subjects"]:
            if subject["kind"] == "ServiceAccount":
                assert (subject["namespace"], subject["name"]) in accounts


@pytest.mark.parametrize("namespace", ["kube-flannel", "local-path-storage", "metallb-system"])
def test_namespaces_of_privileged_pods_say_so(render: Any, namespace: str) -> None:
    labels = render(**EVERYTHING).object("Namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


class TestNetwork:
    @pytest.mark.parametrize("backend", ["vxlan", "host-gw", "wireguard"])
    def test_takes_its_range_and_backend_from_the_spec(self, render: Any, backend: str) -> None:
        rendering = render(network={"backend": backend, "podCidr": "10.50.0.0/16"})
        network = json.loads(rendering.object("ConfigMap", "flannel")["data"]["net-conf.json"])
        assert network == {"Network": "10.50.0.0/16", "Backend": {"Type": backend}}

    def test_a_changed_configuration_replaces_the_pods(self, render: Any) -> None:
        before = render().object("DaemonSet", "flannel")
        after = render(network={"backend": "host-gw"}).object("DaemonSet", "flannel")
        assert before["spec"]["template"] != after["spec"]["template"]

    def test_does_not_wait_for_the_proxy_in_the_cluster(self, render: Any) -> None:
        container = render().object("DaemonSet", "flannel")["spec"]["template"]["spec"]["containers"][0]
        assert "--kubeconfig-file=/etc/kube-flannel/kubeconfig" in container["args"]
        assert "KUBERNETES_SERVICE_HOST" not in {variable["name"] for variable in container["env"]}

    @pytest.mark.parametrize("mode", ["iptables", "nftables"])
    def test_kube_proxy_runs_in_the_mode_of_the_spec_and_leaves_conntrack_to_the_host(
        self, render: Any, mode: str
    ) -> None:
        text = render(network={"proxyMode": mode}).object("ConfigMap", "kube-proxy")["data"]["config.yaml"]
        config = yaml.safe_load(text)
        assert config["mode"] == mode
        assert config["conntrack"]["maxPerCore"] == config["conntrack"]["min"] == 0

    def test_without_kube_proxy_nothing_of_it_is_applied_or_fetched(self, render: Any) -> None:
        rendering = render(network={"proxyMode": "none"})
        assert "proxy" not in addons(rendering)
        images = host_images(
            rendering.cluster,
            rendering.release,
            rendering.member("w-1"),
            rendering.lock,
            MirrorAddresses("http://m", "m"),
        )
        assert "kube-proxy" not in {image.artifact.name for image in images}

    @pytest.mark.parametrize("name", ["kube-proxy", "flannel"])
    def test_pods_on_the_hosts_network_reach_the_api_by_its_proxy_and_ask_for_its_name(
        self, render: Any, name: str
    ) -> None:
        kubeconfig = yaml.safe_load(render().object("ConfigMap", name)["data"]["kubeconfig"])
        (cluster,) = (one["cluster"] for one in kubeconfig["clusters"])
        assert (cluster["server"], cluster["tls-server-name"]) == ("https://127.0.0.1:7443", "kubernetes")

    def test_the_file_that_tells_the_runtime_of_the_network_is_for_root_alone(self, render: Any) -> None:
        announce = render().object("DaemonSet", "flannel")["spec"]["template"]["spec"]["containers"][1]
        script = announce["command"][-1]
        assert script.index("umask 077") < script.index("cp /etc/kube-flannel/cni-conf.json")

    def test_extra_args_reach_kube_proxy(self, render: Any) -> None:
        rendering = render(components={"kube-proxy": {"extraArgs": {"v": "6"}}})
        container = rendering.object("DaemonSet", "kube-proxy")["spec"]["template"]["spec"]["containers"][0]
        assert "--v=6" in container["command"]


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease", "kube-flannel"])
def test_pods_that_name_no_account_get_no_token(render: Any, namespace: str) -> None:
    accounts = [one.document for one in render().manifests() if (one.kind, one.name) == ("ServiceAccount", "default")]
    (account,) = (one for one in accounts if one["metadata"]["namespace"] == namespace)
    assert account["automountServiceAccountToken"] is False


def test_the_account_of_the_users_default_namespace_is_theirs(render: Any) -> None:
    accounts = {one.namespace for one in render().manifests() if (one.kind, one.name) == ("ServiceAccount", "default")}
    assert "default" not in accounts


class TestDns:
    def corefile(self, rendering: Any) -> str:
        text: str = rendering.object("ConfigMap", "coredns")["data"]["Corefile"]
        return text

    def test_asks_the_servers_of_the_spec_or_those_of_the_host(self, render: Any) -> None:
        assert "forward . /etc/resolv.conf {" in self.corefile(render())
        named = self.corefile(render(dns={"upstreams": ["192.0.2.53", "192.0.2.54:5353"]}))
        assert "forward . 192.0.2.53 192.0.2.54:5353 {" in named

    def test_notices_a_loop(self, render: Any) -> None:
        assert "\n    loop\n" in self.corefile(render())
        assert render().object("Deployment", "coredns")["spec"]["template"]["spec"]["dnsPolicy"] == "Default"

    def test_stays_while_a_node_is_drained(self, render: Any) -> None:
        assert render().object("Deployment", "coredns")["spec"]["replicas"] == 2
        assert render().object("PodDisruptionBudget", "coredns")["spec"]["minAvailable"] == 1


class TestServices:
    def test_metrics_server_checks_the_certificates_of_kubelets(self, render: Any) -> None:
        text = text_of(render(**EVERYTHING), "monitoring")
        assert "--kubelet-certificate-authority=" in text
        assert "--kubelet-insecure-tls" not in text

    def test_volumes_lie_on_the_disk_that_windlass_uses(self, render: Any) -> None:
        config = json.loads(render().object("ConfigMap", "local-path-config")["data"]["config.json"])
        assert config["nodePathMap"][0]["paths"] == ["/var/lib/windlass/local-path"]

    def test_a_pod_that_makes_or_clears_a_volume_keeps_no_node_from_being_drained(self, render: Any) -> None:
        helper = yaml.safe_load(render().object("ConfigMap", "local-path-config")["data"]["helperPod.yaml"])
        assert orphans([helper]) == []

    def test_there_is_one_default_storage_class(self, render: Any) -> None:
        annotations = render().object("StorageClass", "local-path")["metadata"]["annotations"]
        assert annotations["storageclass.kubernetes.io/is-default-class"] == "true"

    def test_the_load_balancer_gives_away_the_addresses_of_the_spec(self, render: Any) -> None:
        pool = render(**EVERYTHING).object("IPAddressPool", "windlass")
        assert pool["spec"]["addresses"] == ["192.0.2.100-192.0.2.110"]

    def test_every_kind_has_one_version_that_is_stored(self, render: Any) -> None:
        for found in render(**EVERYTHING).manifests():
            if found.kind == "CustomResourceDefinition":
                assert [version["storage"] for version in found.document["spec"]["versions"]].count(True) == 1


def test_a_template_with_a_name_that_does_not_exist_fails(render: Any) -> None:
    rendering = render()
    templates = {**rendering.release.templates, "drivers/dns/coredns/coredns.yaml.j2": "a: b\nc: {{ nothing }}\n"}
    broken = replace(rendering, release=replace(rendering.release, templates=templates))
    with pytest.raises(SpecError, match=r"drivers/dns/coredns/coredns\.yaml\.j2, line 2: 'nothing' is undefined"):
        broken.manifests()


def test_a_template_with_a_mistake_names_its_line(render: Any) -> None:
    rendering = render()
    templates = {**rendering.release.templates, "drivers/dns/coredns/coredns.yaml.j2": "a: b\n{% if %}\n"}
    broken = replace(rendering, release=replace(rendering.release, templates=templates))
    with pytest.raises(SpecError, match=r"template drivers/dns/coredns/coredns\.yaml\.j2, line 2: "):
        broken.manifests()
