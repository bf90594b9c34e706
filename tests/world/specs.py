"""The specs of the clusters that tests make."""

from __future__ import annotations

SMALL = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
      - {name: w-1, address: 192.0.2.12, roles: [worker], labels: {tier: front}}
"""
SINGLE = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane, worker]}
"""
THREE = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
      - {name: cp-2, address: 192.0.2.12, roles: [etcd]}
      - {name: cp-3, address: 192.0.2.13, roles: [etcd]}
"""
GROWN = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  etcd: {allowEven: true}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
      - {name: w-1, address: 192.0.2.12, roles: [etcd, control-plane, worker], labels: {tier: front}}
      - {name: w-2, address: 192.0.2.13, roles: [worker]}
"""
"""SMALL, whose worker takes up all planes, and with a second worker."""
