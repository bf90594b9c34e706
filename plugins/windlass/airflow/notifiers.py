"""Which notifiers the Variable `windlass_notifiers` may name: those that whoever runs this Airflow has let in.

They are the entry points of the group `windlass.notifiers`, by name, and by its path each class that the option
`notifiers` in the section `[windlass]` of Airflow's configuration lists, separated by commas.
"""

from __future__ import annotations

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf

from windlass.effects.installed import NOTIFIERS, installed_names, load_allowed, load_installed
from windlass.errors import SpecError

OFFICIAL = (
    "airflow.providers.amazon.aws.notifications.chime.ChimeNotifier",
    "airflow.providers.amazon.aws.notifications.ses.SesNotifier",
    "airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
    "airflow.providers.amazon.aws.notifications.sqs.SqsNotifier",
    "airflow.providers.discord.notifications.discord.DiscordNotifier",
    "airflow.providers.opsgenie.notifications.opsgenie.OpsgenieNotifier",
    "airflow.providers.pagerduty.notifications.pagerduty.PagerdutyNotifier",
    "airflow.providers.slack.notifications.slack.SlackNotifier",
    "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier",
    "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
)
"""What Airflow's official providers notify people with, allowed where the option is not set.

HttpNotifier and AppriseNotifier send anything anywhere, and are left to whoever wants them.
"""


def notifier_class(name: str) -> type[BaseNotifier]:
    """Return the class of notifiers that an entry of the Variable names; SpecError if it is not allowed, or is none.

    Nothing of it was called, and what is not allowed is not even imported.
    """
    if name in installed_names(NOTIFIERS):
        found = load_installed(NOTIFIERS, name)
    elif name in allowed_classes():
        found = load_allowed(name)
    else:
        raise SpecError(
            f"`{name}` is no notifier that this Airflow allows; whoever runs it may add the class to the option "
            "`notifiers` in [windlass] of its configuration (AIRFLOW__WINDLASS__NOTIFIERS), or install a package "
            f"with an entry point of the group `{NOTIFIERS}`; see docs/remediation.md"
        )
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise SpecError(f"`{name}` stands for {found!r}, which is no notifier; name a class derived from BaseNotifier")
    return found


def allowed_classes() -> tuple[str, ...]:
    """Return the paths of the classes that Airflow's configuration allows; an empty option allows none."""
    option = conf.get("windlass", "notifiers", fallback=None)
    return OFFICIAL if option is None else tuple(one.strip() for one in option.split(",") if one.strip())
