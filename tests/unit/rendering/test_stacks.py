from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from unit.rendering.conftest import SHIPPED, Rendering, make_cluster
from windlass.domain.health.checks import CheckReader
from windlass.domain.host.host_checks import host_checks
from windlass.domain.pki import files_for, issue_pki
from windlass.domain.rendering import digest_of, host_directories, host_images, host_stacks, read_health
from windlass.domain.spec.references import STACKS, with_values
from windlass.effects.catalog import load_catalog
from windlass.errors import IntegrityError, SpecError

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
COMPOSE = "/etc/windlass/stacks/control-plane/compose.yaml"


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def labels_of(rendering: Any, service: str, host: str = "cp-1") -> dict[str, str]:
    labels: dict[str, str] = rendering.service(host, "control-plane", service)["labels"]
    return labels


class TestEtcd:
    def test_names_no_member_but_itself_and_no_other_cluster_than_one_that_exists(self, render: Any) -> None:
        rendering = render()
        environment = rendering.service("cp-2", "etcd", "etcd")["environment"]
        assert environment["ETCD_INITIAL_CLUSTER_STATE"] == "${WINDLASS_ETCD_STATE:-existing}"
        assert environment["ETCD_INITIAL_CLUSTER"] == "${WINDLASS_ETCD_CLUSTER:-cp-2=https://192.0.2.12:2380}"
        assert rendering.flags("cp-2", "etcd", "etcd")["name"] == "cp-2"

    def test_changes_nothing_of_a_member_when_another_host_joins(self, render: Any) -> None:
        rendering = render()
        before = dict(rendering.service("cp-1", "etcd", "etcd"))
        health = {**before["x-windlass-health"], "quorum": 3}
        assert digest_of({**before, "x-windlass-health": health}) == before["labels"]["io.windlass.digest"]

    def test_asks_clients_and_peers_for_certificates(self, render: Any) -> None:
        flags = render().flags("cp-1", "etcd", "etcd")
        assert flags["client-cert-auth"] == flags["peer-client-cert-auth"] == "true"
        urls = flags["listen-client-urls"] + "," + flags["listen-peer-urls"]
        assert all(url.startswith("https://") for url in urls.split(","))

    def test_shows_its_health_unencrypted_only_on_the_host_itself(self, render: Any) -> None:
        urls = render().flags("cp-1", "etcd", "etcd")["listen-metrics-urls"].split(",")
        assert sorted(urls) == ["http://127.0.0.1:2381", "https://192.0.2.11:2381"]

    def test_takes_its_bounds_and_its_pace_from_the_spec(self, render: Any) -> None:
        slow = {"quotaBytes": 4294967296, "heartbeatMilliseconds": 300, "electionMilliseconds": 3000}
        flags = render(etcd=slow).flags("cp-1", "etcd", "etcd")
        assert flags["quota-backend-bytes"] == "4294967296"
        assert (flags["heartbeat-interval"], flags["election-timeout"]) == ("300", "3000")
        assert render(etcd=slow).service("cp-1", "etcd", "etcd")["mem_limit"] > 4294967296

    def test_sees_no_keys_but_its_own(self, render: Any) -> None:
        sources = {mount["source"] for mount in render().service("cp-1", "etcd", "etcd")["volumes"]}
        assert sources == {"/etc/windlass/pki/etcd", "/var/lib/windlass/etcd"}

    @pytest.mark.parametrize(("topology", "host", "quorum"), [("overlapping", "cp-1", 2), ("separate", "etcd-1", 1)])
    def test_is_replaced_only_while_a_majority_is_healthy(
        self, render: Any, topology: str, host: str, quorum: int
    ) -> None:
        health = render(topology).service(host, "etcd", "etcd")["x-windlass-health"]
        assert (health["strategy"], health["quorum"]) == ("recreateOnQuorum", quorum)


class TestApiServer:
    @pytest.mark.parametrize("let_in", [False, True])
    def test_sees_of_the_host_what_it_reads_and_its_audit_log(self, render: Any, *, let_in: bool) -> None:
        rendering = render(**({"access": {"groups": {"Admin": ["windlass:cluster-admin"]}}} if let_in else {}))
        mounts = rendering.service("cp-1", "control-plane", "kube-apiserver")["volumes"]
        assert {(one["source"], one["target"]) for one in mounts if one.get("read_only")} == {
            ("/etc/windlass/pki/kube-apiserver", "/etc/windlass/pki"),
            ("/etc/windlass/stacks/control-plane",) * 2,
        }
        assert [one["source"] for one in mounts if not one.get("read_only")] == ["/var/log/windlass/audit"]

        flags = rendering.flags("cp-1", "control-plane", "kube-apiserver").values()
        reads = {one for one in flags if one.startswith("/etc/windlass/pki/")}
        host = rendering.cluster.spec.hosts.members[0]
        laid = files_for(rendering.cluster, host, issue_pki(rendering.cluster, datetime(2026, 11, 30, tzinfo=UTC)))
        seen = {one.replace("/kube-apiserver/", "/") for one in laid if "/kube-apiserver/" in one}
        assert seen == reads

    def test_talks_to_all_members_and_to_the_one_beside_it_first(self, render: Any) -> None:
        servers = render().flags("cp-3", "control-plane", "kube-apiserver")["etcd-servers"].split(",")
        assert servers[0] == "https://192.0.2.13:2379"
        assert set(servers) == {f"https://192.0.2.{number}:2379" for number in (11, 12, 13)}

    def test_finds_etcd_on_other_hosts(self, render: Any) -> None:
        flags = render("separate").flags("cp-1", "control-plane", "kube-apiserver")
        assert flags["etcd-servers"] == "https://192.0.2.11:2379"

    def test_serves_nobody_without_a_name_but_for_health(self, render: Any) -> None:
        rendering = render()
        flags = rendering.flags("cp-1", "control-plane", "kube-apiserver")
        anonymous = rendering.yaml("cp-1", flags["authentication-config"])["anonymous"]
        assert {condition["path"] for condition in anonymous["conditions"]} == {"/livez", "/readyz", "/healthz"}
        assert "anonymous-auth" not in flags  # both at once are refused
        assert flags["authorization-mode"] == "Node,RBAC"

    def test_enforces_the_pod_security_of_the_spec_save_in_kube_system(self, render: Any) -> None:
        rendering = render(security={"podSecurity": "restricted"})
        flags = rendering.flags("cp-1", "control-plane", "kube-apiserver")
        plugin = rendering.yaml("cp-1", flags["admission-control-config-file"])["plugins"][0]
        assert plugin["name"] == "PodSecurity"
        assert plugin["configuration"]["defaults"]["enforce"] == "restricted"
        assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system"]
        assert {"NodeRestriction", "PodSecurity"} <= set(flags["enable-admission-plugins"].split(","))

    def test_records_no_body_of_any_request(self, render: Any) -> None:
        rendering = render()
        flags = rendering.flags("cp-1", "control-plane", "kube-apiserver")
        rules = rendering.yaml("cp-1", flags["audit-policy-file"])["rules"]
        assert {rule["level"] for rule in rules} == {"None", "Metadata"}
        secrets = next(i for i, rule in enumerate(rules) if "secrets" in str(rule.get("resources")))
        quiet_reads = [i for i, rule in enumerate(rules) if rule["level"] == "None" and "list" in rule.get("verbs", ())]
        assert all(secrets < read for read in quiet_reads)

    def test_keeps_no_audit_log_if_the_spec_says_so(self, render: Any) -> None:
        rendering = render(security={"auditLog": False})
        assert not [flag for flag in rendering.flags("cp-1", "control-plane", "kube-apiserver") if "audit" in flag]

    def test_serves_on_until_every_proxy_has_noticed_that_it_stops(self, render: Any) -> None:
        rendering = render()
        proxy = rendering.host("w-1")["/etc/windlass/stacks/api-proxy/haproxy.cfg"].text.split()
        interval = seconds(proxy[proxy.index("inter") + 1])
        timeout = seconds(proxy[proxy.index("check", proxy.index("timeout")) + 1])
        delay = seconds(rendering.flags("cp-1", "control-plane", "kube-apiserver")["shutdown-delay-duration"])
        grace = seconds(rendering.service("cp-1", "control-plane", "kube-apiserver")["stop_grace_period"])
        # One check is enough: an API server that stops answers it, and not with 200 (L7OKC: no new connections).
        assert proxy[proxy.index("error-status") + 1] == "L7OKC"
        assert delay > interval + timeout + 1
        assert grace > delay + 60  # the longest that a request may take

    def test_sends_who_keeps_a_connection_to_another_server_before_it_stops(self, render: Any) -> None:
        # Else the connection stays as it is, and each request by it is answered 503 until the server is gone.
        assert render().flags("cp-1", "control-plane", "kube-apiserver")["shutdown-send-retry-after"] == "true"

    def test_sends_clients_away_only_if_there_is_somewhere_to_go(self, render: Any) -> None:
        assert render("standalone").flags("all-1", "control-plane", "kube-apiserver")["goaway-chance"] == "0"
        assert float(render().flags("cp-1", "control-plane", "kube-apiserver")["goaway-chance"]) > 0

    def test_meets_floods_of_events_and_services_that_claim_addresses(self, render: Any) -> None:
        rendering = render()
        flags = rendering.flags("cp-1", "control-plane", "kube-apiserver")
        plugins = rendering.yaml("cp-1", flags["admission-control-config-file"])["plugins"]
        (limits,) = (one["configuration"]["limits"] for one in plugins if one["name"] == "EventRateLimit")
        assert {"Server", "Namespace"} == {one["type"] for one in limits}
        enabled = flags["enable-admission-plugins"].split(",")
        assert {"DenyServiceExternalIPs", "EventRateLimit"} <= set(enabled)
        assert "AlwaysPullImages" not in enabled

    def test_asks_for_images_always_if_the_spec_says_so(self, render: Any) -> None:
        flags = render(security={"alwaysPullImages": True}).flags("cp-1", "control-plane", "kube-apiserver")
        assert flags["enable-admission-plugins"].endswith(",AlwaysPullImages")


class TestControllers:
    @pytest.mark.parametrize(
        ("component", "own"), [("kube-controller-manager", "controller-manager"), ("kube-scheduler", "scheduler")]
    )
    def test_see_and_read_of_the_pki_only_what_is_theirs(self, render: Any, component: str, own: str) -> None:
        rendering = render()
        mounted = {one["source"] for one in rendering.service("cp-1", "control-plane", component)["volumes"]}
        assert mounted == {f"/etc/windlass/pki/{own}", "/etc/windlass/kubeconfigs"}
        values = rendering.flags("cp-1", "control-plane", component).values()
        files = [value for value in values if value.startswith("/etc/windlass/")]
        assert [one for one in files if not one.startswith(tuple(f"{place}/" for place in mounted))] == []

    @pytest.mark.parametrize("component", CONTROL_PLANE[1:])
    def test_answer_other_hosts_by_tls_and_ask_who_they_are(self, render: Any, component: str) -> None:
        flags = render().flags("cp-2", "control-plane", component)
        assert flags["bind-address"] == "192.0.2.12"
        assert flags["tls-cert-file"].startswith("/etc/windlass/pki/")
        assert flags["authentication-kubeconfig"] == flags["authorization-kubeconfig"] == flags["kubeconfig"]

    @pytest.mark.parametrize("component", CONTROL_PLANE[1:])
    def test_never_two_lead_at_once(self, render: Any, component: str) -> None:
        flags = render().flags("cp-1", "control-plane", component)
        lease, renew = seconds(flags["leader-elect-lease-duration"]), seconds(flags["leader-elect-renew-deadline"])
        assert lease > renew > 1.2 * seconds(flags["leader-elect-retry-period"])

    def test_give_nodes_their_ranges(self, render: Any) -> None:
        network = {"podCidr": "10.50.0.0/16", "serviceCidr": "10.60.0.0/16"}
        flags = render(network=network).flags("cp-1", "control-plane", "kube-controller-manager")
        assert (flags["cluster-cidr"], flags["service-cluster-ip-range"]) == ("10.50.0.0/16", "10.60.0.0/16")
        assert flags["allocate-node-cidrs"] == "true"

    def test_leave_nodes_to_a_cloud_provider_when_asked(self, render: Any) -> None:
        external = {"version": "v1.37.2", "cloudProvider": "external"}
        rendering = render(kubernetes=external)
        assert rendering.flags("cp-1", "control-plane", "kube-controller-manager")["cloud-provider"] == "external"
        assert "--cloud-provider=external" in rendering.host("w-1")["/etc/systemd/system/kubelet.service"].text
        assert "cloud-provider" not in render().flags("cp-1", "control-plane", "kube-controller-manager")


class TestExtraArgs:
    @pytest.mark.parametrize("component", CONTROL_PLANE)
    def test_replace_and_add_flags_of_their_component_alone(self, render: Any, component: str) -> None:
        own = {component: {"extraArgs": {"v": "4", "--new-flag": "a b"}}}
        rendering = render(components=own)
        for name in CONTROL_PLANE:
            flags = rendering.flags("cp-1", "control-plane", name)
            assert (flags["v"] == "4") == (flags.get("new-flag") == "a b") == (name == component)

    def test_a_flag_with_several_values_is_given_as_often(self, render: Any) -> None:
        issuers = ["https://b", "https://a"]
        rendering = render(components={"kube-apiserver": {"extraArgs": {"service-account-issuer": issuers}}})
        command = rendering.service("cp-1", "control-plane", "kube-apiserver")["command"]
        given = [word for word in command if word.startswith("--service-account-issuer")]
        assert given == ["--service-account-issuer=https://b", "--service-account-issuer=https://a"]

    def test_of_kubelet_too(self, render: Any) -> None:
        rendering = render(components={"kubelet": {"extraArgs": {"allowed-unsafe-sysctls": ["net.*", "kernel.msg*"]}}})
        unit = rendering.host("w-1")["/etc/systemd/system/kubelet.service"].text
        assert "--allowed-unsafe-sysctls=net.* \\\n  --allowed-unsafe-sysctls=kernel.msg*\n" in unit

    def test_are_taken_literally_by_compose(self, render: Any) -> None:
        rendering = render(components={"etcd": {"extraArgs": {"name": "$HOME: {x}"}}})
        assert rendering.flags("cp-1", "etcd", "etcd")["name"] == "$$HOME: {x}"

    def test_are_taken_literally_by_systemd(self, render: Any) -> None:
        rendering = render(components={"kubelet": {"extraArgs": {"x": 'a "b" 50%$'}}})
        assert '"--x=a \\"b\\" 50%%$$"' in rendering.host("w-1")["/etc/systemd/system/kubelet.service"].text


class TestOidc:
    PATH = "/etc/windlass/stacks/control-plane/authentication.yaml"

    # kube-apiserver's own documentation guards `system:` by rules of this form.
    NAMES: ClassVar = {
        "expression": "!['system:', 'airflow:', 'windlass:'].exists(prefix, user.username.startsWith(prefix))",
        "message": "names that begin with system:, airflow: or windlass: are none of this provider's",
    }
    GROUPS: ClassVar = {
        "expression": "!has(user.groups) || user.groups.all(group, "
        "!['system:', 'airflow:', 'windlass:'].exists(prefix, group.startsWith(prefix)))",
        "message": "groups that begin with system:, airflow: or windlass: are none of this provider's",
    }

    def test_nobody_else_says_who_somebody_is_unless_asked_for(self, render: Any) -> None:
        assert set(render().yaml("cp-1", self.PATH)) == {"apiVersion", "kind", "anonymous"}

    def test_providers_stand_in_the_file_that_api_servers_read(self, render: Any) -> None:
        first = {"issuer": "https://id.example.com/realm", "clientId": "k8s", "ca": "PEM\n"}
        first |= {"groupsClaim": "groups", "groupsPrefix": "oidc:", "requiredClaims": {"hd": "example.com"}}
        second = {"issuer": "https://other.example.com", "clientId": "k8s", "usernameClaim": "email"}
        file = render(api={"oidc": [first, second]}).yaml("cp-1", self.PATH)
        assert file["jwt"] == [
            {
                "issuer": {
                    "url": "https://id.example.com/realm",
                    "audiences": ["k8s"],
                    "certificateAuthority": "PEM\n",
                },
                "claimValidationRules": [{"claim": "hd", "requiredValue": "example.com"}],
                "claimMappings": {
                    "username": {"claim": "sub", "prefix": "https://id.example.com/realm#"},
                    "groups": {"claim": "groups", "prefix": "oidc:"},
                },
                "userValidationRules": [self.NAMES, self.GROUPS],
            },
            {
                "issuer": {"url": "https://other.example.com", "audiences": ["k8s"]},
                "claimMappings": {"username": {"claim": "email", "prefix": ""}},
                "userValidationRules": [self.NAMES],
            },
        ]


class TestProxy:
    def test_leads_to_every_api_server_and_checks_its_certificate(self, render: Any) -> None:
        text = render("separate").host("w-1")["/etc/windlass/stacks/api-proxy/haproxy.cfg"].text
        servers = [line.split()[1:] for line in text.splitlines() if line.strip().startswith("server ")]
        assert servers[:2] == [["cp-1", "192.0.2.12:6443"], ["cp-2", "192.0.2.13:6443"]]
        # For the time in which no check of any succeeds.
        assert servers[2:] == [
            ["cp-1_unchecked", "192.0.2.12:6443", "no-check", "backup"],
            ["cp-2_unchecked", "192.0.2.13:6443", "no-check", "backup"],
        ]
        assert "verify required ca-file /etc/windlass/pki/ca.crt" in text

    def test_listens_on_the_host_itself_alone(self, render: Any) -> None:
        text = render().host("w-1")["/etc/windlass/stacks/api-proxy/haproxy.cfg"].text
        binds = [line.split()[1] for line in text.splitlines() if line.strip().startswith("bind ")]
        assert binds == ["127.0.0.1:7443", "127.0.0.1:7444"]


class TestDigest:
    def test_is_that_of_the_service_without_the_label_itself(self, render: Any) -> None:
        for name in CONTROL_PLANE:
            service = render().service("cp-1", "control-plane", name)
            assert service["labels"]["io.windlass.digest"] == digest_of(service)
            assert digest_of(service) != digest_of({**service, "restart": "no"})

    def test_changes_for_the_changed_service_alone(self, render: Any) -> None:
        before, after = render(), render(components={"kube-scheduler": {"extraArgs": {"v": "5"}}})
        changed = {name for name in CONTROL_PLANE if labels_of(before, name) != labels_of(after, name)}
        assert changed == {"kube-scheduler"}

    def test_changes_with_a_file_that_the_service_reads(self, render: Any) -> None:
        before, after = render(), render(security={"podSecurity": "restricted"})
        changed = {name for name in CONTROL_PLANE if labels_of(before, name) != labels_of(after, name)}
        assert changed == {"kube-apiserver"}

    def test_changes_with_the_image(self, render: Any) -> None:
        rendering = render()
        images = {**rendering.release.images, "kube-scheduler": "v1.37.3"}
        newer = replace(rendering, release=replace(rendering.release, images=images))
        assert labels_of(rendering, "kube-scheduler") != labels_of(newer, "kube-scheduler")


class TestStacksOfTheUser:
    TEMPLATE = (
        "name: windlass-db\nservices:\n  db:\n    image: {{ values.image }}\n    labels: {d: '{{ digests.db }}'}\n"
    )

    def rendering(self, render: Any, **stack: Any) -> Any:
        rendering = render(stacks=[{"name": "db", **stack}])
        templates = {**rendering.release.templates, "stacks/db/compose.yaml.j2": self.TEMPLATE}
        return replace(rendering, release=replace(rendering.release, templates=templates))

    def test_run_on_the_hosts_that_the_spec_names(self, render: Any) -> None:
        rendering = self.rendering(render, hosts=["w-1"], values={"image": "db:1"})
        assert rendering.service("w-1", "db", "db")["image"] == "db:1"
        assert "/etc/windlass/stacks/db/compose.yaml" not in rendering.host("cp-1")

    def test_run_everywhere_if_the_spec_names_none(self, render: Any) -> None:
        rendering = self.rendering(render, values={"image": "db:1"})
        for host in rendering.cluster.spec.hosts.members:
            assert "/etc/windlass/stacks/db/compose.yaml" in rendering.host(host.name)

    def test_fail_with_template_and_line_when_a_value_is_missing(self, render: Any) -> None:
        with pytest.raises(SpecError, match=r"template stacks/db/compose\.yaml\.j2, line 4: .*image"):
            self.rendering(render).host("w-1")

    def test_files_with_a_secret_are_for_root_alone(self, render: Any) -> None:
        reference = {"fromVariable": "windlass_secret_image"}
        rendering = self.rendering(render, values={"image": reference})
        cluster = with_values(rendering.cluster, lambda _: "db:2", STACKS)

        path = "/etc/windlass/stacks/db/compose.yaml"
        laid = replace(rendering, cluster=cluster).host("w-1")[path]
        assert (laid.mode, "image: db:2" in laid.text) == (0o600, True)
        with pytest.raises(SpecError, match="the reference in its value `image` was not resolved"):
            rendering.host("w-1")

    def test_are_watched_by_who_is_given_no_secret(self, render: Any) -> None:
        stack = {"name": "edge-proxy", "hosts": ["w-1"], "values": {"ports": {"fromVariable": "windlass_secret_ports"}}}
        rendering = render(stacks=[stack])
        assert host_checks(rendering.cluster, rendering.release)["w-1"].service("edge-proxy") is not None
        plan = CheckReader().plan(rendering.cluster, rendering.release)
        assert ("w-1", "edge-proxy") in {(one.subject.host, one.subject.component) for one in plan.checks}

    def test_are_refused_when_the_catalog_has_no_such_stack(self, render: Any) -> None:
        with pytest.raises(SpecError, match=r"no template `stacks/none/compose\.yaml\.j2`"):
            render(stacks=[{"name": "none"}]).host("w-1")

    def test_run_on_hosts_with_the_roles_and_labels_that_the_spec_asks_for(self, render: Any) -> None:
        members = {"w-1": {"labels": {"disk": "fast"}}}
        for desired, hosts in (
            ({"roles": ["worker"]}, {"w-1"}),
            ({"labels": {"disk": "fast"}}, {"w-1"}),
            ({"roles": ["etcd"], "hosts": ["cp-1", "w-1"]}, {"cp-1"}),
        ):
            rendering = render(stacks=[{"name": "edge-proxy", **desired}], members=members)
            members_of = rendering.cluster.spec.hosts.members
            assert {host.name for host in members_of if "edge-proxy" in host_stacks(rendering.cluster, host)} == hosts


class TestEdgeProxy:
    def test_leads_each_port_to_the_node_port_of_every_worker(self, render: Any) -> None:
        stack = {"name": "edge-proxy", "hosts": ["cp-1"], "values": {"ports": "80:30080,8443:30443"}}
        rendering = render(stacks=[stack])
        config = rendering.host("cp-1")["/etc/windlass/stacks/edge-proxy/haproxy.cfg"].text
        assert "bind 192.0.2.11:80\n" in config
        assert "server w-1 192.0.2.14:30443\n" in config
        assert rendering.service("cp-1", "edge-proxy", "edge-proxy")["cap_add"] == ["NET_BIND_SERVICE"]

    def test_is_looked_at_and_its_image_is_there_before_it_starts(self, render: Any) -> None:
        rendering = render(stacks=[{"name": "edge-proxy", "values": {"statusPort": 7777}}])
        compose = rendering.host("w-1")["/etc/windlass/stacks/edge-proxy/compose.yaml"].text
        assert read_health(compose)["edge-proxy"].port == 7777
        host = rendering.member("w-1")
        images = host_images(rendering.cluster, rendering.release, host, rendering.lock, rendering.mirror)
        assert ("docker", "haproxy") in {(image.runtime, image.artifact.name) for image in images}
        made = {directory.path for directory in host_directories(rendering.cluster, host)}
        assert "/var/lib/windlass/stacks/edge-proxy" in made


def test_an_image_that_nobody_locked_is_refused(render: Any) -> None:
    rendering = render()
    images = {**rendering.release.images, "unknown": "v1"}
    templates = {
        **rendering.release.templates,
        "stacks/x/compose.yaml.j2": "services: {x: {image: {{ images.unknown }}}}",
    }
    release = replace(rendering.release, templates=templates)
    with pytest.raises(SpecError, match="has no image `unknown`"):
        replace(render(stacks=[{"name": "x"}]), release=release).host("w-1")
    locked = rendering.lock
    unlocked = replace(render(stacks=[{"name": "x"}]), release=replace(release, images=images))
    with pytest.raises(IntegrityError, match="image:unknown:v1 is not in the lock"):
        _with_lock(unlocked, locked).host("w-1")


def _with_lock(rendering: Any, lock: Any) -> Any:
    class Fixed(type(rendering)):  # type: ignore[misc] # the class of a fixture is known only at run time
        @property
        def lock(self) -> Any:
            return lock

    return Fixed(rendering.cluster, rendering.release)


def test_host_names_may_have_dots() -> None:
    cluster = make_cluster({"cp-1.example.com": ["etcd", "control-plane"], "w-1.example.com": ["worker"]})
    rendering = Rendering(cluster, load_catalog(SHIPPED).release("v1.37.2"))
    name = "cp-1.example.com"
    assert rendering.flags(name, "etcd", "etcd")["name"] == name
    environment = rendering.service(name, "etcd", "etcd")["environment"]
    assert f"{name}=https://192.0.2.11:2380" in environment["ETCD_INITIAL_CLUSTER"]
    proxy = rendering.host("w-1.example.com")["/etc/windlass/stacks/api-proxy/haproxy.cfg"].text
    assert f"    server {name} 192.0.2.11:6443" in proxy
    unit = rendering.host("w-1.example.com")["/etc/systemd/system/kubelet.service"].text
    assert "--hostname-override=w-1.example.com" in unit


class TestPeople:
    def test_their_authority_counts_only_where_the_spec_lets_people_in(self, render: Any) -> None:
        def flag(rendering: Any) -> str:
            words: list[str] = rendering.service("cp-1", "control-plane", "kube-apiserver")["command"]
            return next(word for word in words if word.startswith("--client-ca-file="))

        assert flag(render()) == "--client-ca-file=/etc/windlass/pki/ca.crt"
        let_in = render(access={"groups": {"Viewer": ["windlass:view"]}})
        assert flag(let_in) == "--client-ca-file=/etc/windlass/pki/client-ca.crt"
