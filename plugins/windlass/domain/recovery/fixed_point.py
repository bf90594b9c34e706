"""When a cluster needs no recovery; the plan of one goes by it."""

from __future__ import annotations

from windlass.domain.recovery.survey import BundleOrigin, Survey


def is_served(survey: Survey, origin: BundleOrigin) -> bool:
    """Tell whether etcd has a quorum again, and what it serves is the bundle's data or has gone on from there.

    Revisions never go back, and kube-system is made once. Members with a leader that are behind the bundle and have
    another kube-system, or none, were started with empty directories: they have begun anew, and a recovery brings the
    data back. But not where the keys are others too: then the cluster was deleted and recreated, the bundle is of the
    one that was before, and what is served is the cluster. What nobody can tell counts for what is served.
    """
    observed = survey.observed
    is_behind = (observed.revision or 0) < origin.revision
    is_another = survey.life is not None and survey.life != origin.life
    return observed.has_leader and not (is_behind and is_another and origin.has_our_keys)
