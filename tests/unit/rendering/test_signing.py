"""Who signs certificate requests of the API: nobody, unless the spec says so, and then for the API's clients alone."""

from __future__ import annotations

from typing import Any

KEY = "cluster-signing-kube-apiserver-client-key-file"
SIGNS: dict[str, Any] = {"security": {"signRequests": True}}


def test_nobody_signs_by_default(render: Any) -> None:
    flags = render().flags("cp-1", "control-plane", "kube-controller-manager")
    assert flags["controllers"] == "*,-csrsigning,-csrapproving"
    assert not [name for name in flags if name.startswith("cluster-signing")]


def test_by_choice_the_controller_manager_signs_for_clients_of_the_api_alone(render: Any) -> None:
    flags = render(**SIGNS).flags("cp-1", "control-plane", "kube-controller-manager")
    assert flags["controllers"] == "*,-csrapproving"
    assert flags[KEY] == "/etc/windlass/pki/controller-manager/requests-ca.key"
    assert {name for name in flags if name.startswith("cluster-signing")} == {
        KEY,
        KEY.replace("-key-", "-cert-"),
        "cluster-signing-duration",
    }


def test_what_is_signed_lives_as_long_as_other_certificates(render: Any) -> None:
    rendering = render(security={"signRequests": True, "certificateDays": 30})
    assert rendering.flags("cp-1", "control-plane", "kube-controller-manager")["cluster-signing-duration"] == "720h"


def test_api_servers_take_what_is_signed(render: Any) -> None:
    flags = render(**SIGNS).flags("cp-1", "control-plane", "kube-apiserver")
    assert flags["client-ca-file"] == "/etc/windlass/pki/client-ca.crt"
