"""After how long a task is ended that has not ended by itself.

Whatever a task waits for has a limit of its own, far below these, and that names the host and what it did not do. These
are for what nobody thought of: a host that answers one byte a minute must not hold a task, and with it a cluster's
lease, for ever. So each is many times what the slowest of machines has been seen to take (docs/benchmarks.md), and a
task that meets it is not tried again.
"""

from __future__ import annotations

from datetime import timedelta

LOOK = timedelta(minutes=30)
"""To look at the store and start other runs: a second or two for a thousand clusters."""
USUAL = timedelta(hours=2)
"""To look at all hosts, to plan, to take or give back a lease: seconds."""
BUNDLE = timedelta(hours=6)
"""To take or to try a bundle: seconds; of the largest database that a spec allows, over a slow line, an hour."""
WORK = timedelta(hours=12)
"""To change hosts side by side, 32 at a time: minutes; each download may take 20."""
STEP = timedelta(hours=24) + WORK
"""To change one host of a rollout, or a batch: `upgrade.drainSeconds` may be a day, besides the work itself."""
ANSWER = timedelta(days=7)
"""For a person to answer. Nothing holds the lease meanwhile."""
