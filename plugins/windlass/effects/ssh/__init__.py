"""How Windlass reaches a host: one SSH connection per host for commands, files, streams and tunnels.

`connection` says what a connection can do, `ssh` does it with SSH, `fake` does it in memory. `pool` keeps one
connection per host for all that a task does, `fanout` does one thing on many hosts.
"""
