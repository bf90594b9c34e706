"""People of Airflow in Kubernetes: who they are there, and the certificates that say so; pure.

The name gets a prefix and groups come from the spec alone, so that nobody can pose as a node, a component or an admin
of Kubernetes. Kubernetes cannot hold an authority to that: whoever signs does.
"""

from windlass.domain.people.access import PEOPLE_KEY_CONNECTION, PeopleAccess, people_access
from windlass.domain.people.issue_limit import TooManyCredentialsError, admit
from windlass.domain.people.login import Login, groups_of, kubernetes_name
from windlass.domain.people.sign import PersonCertificate, read_request, sign_person

__all__ = [
    "PEOPLE_KEY_CONNECTION",
    "Login",
    "PeopleAccess",
    "PersonCertificate",
    "TooManyCredentialsError",
    "admit",
    "groups_of",
    "kubernetes_name",
    "people_access",
    "read_request",
    "sign_person",
]
