"""Tell people: through whatever notifiers the Variable `windlass_notifiers` names, of those that `notifiers` allows.

The Variable is a JSON list; each entry names a notifier and the arguments that it is made with. Texts in them are
templates that see what is told:

    [{"notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
      "arguments": {"to": "ops@example.org", "subject": "{{ windlass.title }}", "html_content": "{{ windlass.text }}"},
      "when": "alerts", "clusters": ["demo"]}]

`when` is `alerts` (default: what needs a person, and once that it is over) or `all` (every repair too). Secrets belong
into the connection that the notifier uses.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseNotifier, Context, Variable
from jinja2.sandbox import SandboxedEnvironment

from windlass.airflow.notifiers import notifier_class
from windlass.domain.notice import Notice
from windlass.errors import SpecError

VARIABLE = "windlass_notifiers"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receiver:
    """One notifier as the Variable describes it."""

    notifier: str
    arguments: Mapping[str, Any]
    when: str = "alerts"
    clusters: tuple[str, ...] = ()

    def wants(self, notice: Notice) -> bool:
        """Say whether it is to be told this."""
        return (self.when == "all" or notice.is_alert) and (not self.clusters or notice.cluster in self.clusters)

    def make(self, notice: Notice) -> BaseNotifier:
        """Return the notifier, made to tell this; SpecError if this Airflow does not allow it."""
        made = notifier_class(self.notifier)(**_rendered(self.arguments, notice))
        # Its texts are filled in. Airflow would take them for templates once more, with all of its connections and
        # variables at hand, and they have in them what programs on hosts and objects of the cluster said.
        made.template_fields = ()
        return made


def receivers(text: str | None) -> tuple[Receiver, ...]:
    """Read the Variable; SpecError if it is not of its form."""
    try:
        entries = json.loads(text) if text else []
        return tuple(
            Receiver(
                one["notifier"], one.get("arguments", {}), one.get("when", "alerts"), tuple(one.get("clusters", ()))
            )
            for one in entries
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(
            f"the Airflow Variable `{VARIABLE}` is not readable ({error!r}); see docs/remediation.md"
        ) from error


def send(notices: Iterable[Notice], context: Context) -> None:
    """Tell everybody who wants to know; one that fails is logged and keeps no other from being told."""
    told = list(dict.fromkeys(notices))
    if not told:
        return
    for receiver in receivers(Variable.get(VARIABLE, default=None)):
        for notice in told:
            if receiver.wants(notice):
                _tell(receiver, notice, context)


def _tell(receiver: Receiver, notice: Notice, context: Context) -> None:
    try:
        receiver.make(notice)(context)
    except Exception:
        log.exception("%s could not tell: %s", receiver.notifier, notice.title)


def _rendered(value: Any, notice: Notice) -> Any:
    """Fill in the templates in texts, however deep they lie."""
    if isinstance(value, str):
        return SandboxedEnvironment(autoescape=False).from_string(value).render(windlass=notice)
    if isinstance(value, Mapping):
        return {key: _rendered(one, notice) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_rendered(one, notice) for one in value]
    return value


class ClusterNotifier(BaseNotifier):
    """A notifier for any DAG's callbacks that tells whom `windlass_notifiers` names, synchronously or not."""

    template_fields = ("cluster", "text")

    def __init__(self, cluster: str, text: str, *, level: str = "error") -> None:
        super().__init__()
        self.cluster = cluster
        self.text = text
        self.level = level

    def notify(self, context: Context) -> None:
        """Tell them."""
        send([Notice(self.cluster, self.text, self.level, is_alert=True)], context)

    async def async_notify(self, context: Context) -> None:
        """Tell them without holding up an event loop."""
        await asyncio.to_thread(self.notify, context)
