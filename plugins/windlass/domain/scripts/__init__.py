"""Every shell text that runs on a host, as a value with a name and arguments; pure."""
