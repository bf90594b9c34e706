"""A new release of the catalog as a change of data: the one before it, with other versions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from windlass.domain.catalog.release import Catalog, Release, version_numbers
from windlass.errors import RefusedError, SpecError

_KUBERNETES_FILES = ("kubelet", "kubectl", "kubeadm")
_KUBERNETES_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def base_for(catalog: Catalog, version: str) -> Release:
    """Return the release that a new one starts from: the newest older one of its minor release.

    SpecError if there is none: another minor release needs templates and a list of removed APIs of its own.
    """
    if version in catalog.releases:
        raise RefusedError(f"the catalog has {version} already; change its catalog.yaml instead")
    desired = version_numbers(version)
    same = [
        one for one in catalog.versions if version_numbers(one)[:2] == desired[:2] and version_numbers(one) < desired
    ]
    if not same:
        raise SpecError(
            f"the catalog has no release of {desired[0]}.{desired[1]} before {version} to start from; copy the "
            "directory of the minor release before, and see docs/catalog.md for what a new one needs"
        )
    return catalog.releases[same[-1]]


def added_text(text: str, base: Release, version: str, changes: Mapping[str, str]) -> str:
    """Return catalog.yaml of the new release from that of `base`: its versions and those of `changes` (by name).

    SpecError for a change of something that the release does not have.
    """
    known = {**base.files, **base.images}
    for name in changes:
        if name not in known:
            raise SpecError(f"--set {name}: {base.version} has no such part; it has {', '.join(sorted(known))}")
    lines = [line.replace(base.version, version) for line in text.splitlines(keepends=True)]
    for name, desired in changes.items():
        lines = [re.sub(rf"^(\s+{re.escape(name)}: ).*", rf"\g<1>{_quoted(desired)}", line) for line in lines]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def mirror_lines(listed: str, version: str, changes: Mapping[str, str]) -> str:
    """Return the lines that the mirror's list of artifacts (`listed`) lacks for the new release."""
    desired = [("file", name, version) for name in _KUBERNETES_FILES]
    desired += [("image", name, version) for name in _KUBERNETES_IMAGES]
    desired += [(_kind(listed, name), name, changed) for name, changed in changes.items()]
    lines = [f"- {{{kind}: {name}, version: {_quoted(number)}}}\n" for kind, name, number in desired]
    return "".join(line for line in lines if line not in listed)


def _quoted(version: str) -> str:
    """Return it as YAML takes it for a text: 3.11 by itself is a number."""
    return version if version.startswith("v") else json.dumps(version)


def _kind(listed: str, name: str) -> str:
    return "file" if re.search(rf"^- \{{file: {re.escape(name)},", listed, re.MULTILINE) else "image"
