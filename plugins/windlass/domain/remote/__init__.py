"""Commands that somebody gives elsewhere: what they are, what right each takes, how the answer is sealed."""

from windlass.domain.remote.answer import Answer, answer_context
from windlass.domain.remote.command_needs import (
    AcceptArguments,
    Arguments,
    AuditArguments,
    BreakGlassArguments,
    BundleArguments,
    CertificatesArguments,
    ClusterArguments,
    Command,
    FormArguments,
    Needs,
    PlanArguments,
    RestorePkiArguments,
    SignArguments,
    SpecArguments,
    needs_of,
    read_arguments,
)
from windlass.domain.remote.sealed_answer import AnswerKey, check_public, seal_answer

__all__ = [
    "AcceptArguments",
    "Answer",
    "AnswerKey",
    "Arguments",
    "AuditArguments",
    "BreakGlassArguments",
    "BundleArguments",
    "CertificatesArguments",
    "ClusterArguments",
    "Command",
    "FormArguments",
    "Needs",
    "PlanArguments",
    "RestorePkiArguments",
    "SignArguments",
    "SpecArguments",
    "answer_context",
    "check_public",
    "needs_of",
    "read_arguments",
    "seal_answer",
]
