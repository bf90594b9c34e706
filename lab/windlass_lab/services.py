"""The services of a lab: the mirror's file server and registry, and a durable S3 server."""

from __future__ import annotations

from windlass_lab.model import Lab


def bring_up_services(lab: Lab) -> None:
    """Start them."""
