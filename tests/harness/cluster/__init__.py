# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes for tests: upstream's control plane, nodes of the rig, a kubelet of ours.

build makes the programs, control.py runs them on a rig's segment, kubelet.py turns Pods into
processes of a node; up does it for people.
"""
