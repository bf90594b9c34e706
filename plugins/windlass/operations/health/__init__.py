"""Watching all clusters at once from one event loop: loops on hosts, verdicts, findings, the last observation."""
