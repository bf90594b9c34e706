"""etcd as rules: how a member is, who belongs to the cluster, what keeps quorum, who is replaced; pure."""
