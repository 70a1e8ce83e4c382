# SPDX-License-Identifier: Apache-2.0
"""nftables rules in the shape that kube-proxy gives them, for one node.

One map from address, protocol and port to the chain of a service; a chain of each service that
marks foreign clients for masquerading and picks an endpoint by a random number; a chain of each
endpoint with the translation. First packets of a connection go through all of it, later ones
through conntrack, as with the original.
"""

HEAD = """
table {ip} kube-proxy {{
    set cluster-ips {{ type {addr}; }}
    set nodeport-ips {{ type {addr}; }}
    map no-endpoint-services {{ type {addr} . inet_proto . inet_service : verdict; }}
    map service-ips {{ type {addr} . inet_proto . inet_service : verdict; }}
    map service-nodeports {{ type inet_proto . inet_service : verdict; }}

    chain mark-for-masquerade {{
        meta mark set meta mark or 0x4000
    }}
    chain masquerading {{
        meta mark and 0x4000 == 0 return
        meta mark set meta mark xor 0x4000
        masquerade fully-random
    }}
    chain reject-chain {{
        reject
    }}
    chain service-endpoints-check {{
        {ip} daddr . meta l4proto . th dport vmap @no-endpoint-services
    }}
    chain cluster-ips-check {{
        {ip} daddr @cluster-ips reject
    }}
    chain services {{
        {ip} daddr . meta l4proto . th dport vmap @service-ips
        {ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
    }}
    chain filter-prerouting-pre-dnat {{
        type filter hook prerouting priority -110; policy accept;
        ct state new jump service-endpoints-check
    }}
    chain filter-forward {{
        type filter hook forward priority 0; policy accept;
        ct state new jump service-endpoints-check
        ct state new jump cluster-ips-check
    }}
    chain filter-output-pre-dnat {{
        type filter hook output priority -110; policy accept;
        ct state new jump service-endpoints-check
    }}
    chain filter-output {{
        type filter hook output priority 0; policy accept;
        ct state new jump cluster-ips-check
    }}
    chain nat-prerouting {{
        type nat hook prerouting priority -100; policy accept;
        jump services
    }}
    chain nat-output {{
        type nat hook output priority -100; policy accept;
        jump services
    }}
    chain nat-postrouting {{
        type nat hook postrouting priority 100; policy accept;
        jump masquerading
    }}
"""


def _endpoint(ip, name, number, addr, port):
    host = addr if ip == "ip" else f"[{addr}]"
    return (f"    chain endpoint-{name}-{number} {{\n"
            f"        {ip} saddr {addr} jump mark-for-masquerade\n"
            f"        meta l4proto tcp dnat to {host}:{port}\n    }}\n")


def _service(ip, name, addr, port, pods, n):
    picks = ", ".join(f"{i} : goto endpoint-{name}-{i}" for i in range(n))
    return (f"    chain service-{name} {{\n"
            f"        {ip} daddr {addr} tcp dport {port} {ip} saddr != {pods} "
            "jump mark-for-masquerade\n"
            f"        numgen random mod {n} vmap {{ {picks} }}\n    }}\n")


def rules(family, services, pods):
    """Text for nft -f. services: (name, address, port, [(endpoint address, port)]); pods: the range
    whose addresses are not masqueraded."""
    ip = "ip" if family == 4 else "ip6"
    text = HEAD.format(ip=ip, addr="ipv4_addr" if family == 4 else "ipv6_addr")
    for name, addr, port, endpoints in services:
        for i, (ep_addr, ep_port) in enumerate(endpoints):
            text += _endpoint(ip, name, i, ep_addr, ep_port)
        text += _service(ip, name, addr, port, pods, len(endpoints))
    text += "}\n"
    for name, addr, port, _ in services:
        text += f"add element {ip} kube-proxy cluster-ips {{ {addr} }}\n"
        text += (f"add element {ip} kube-proxy service-ips "
                 f"{{ {addr} . tcp . {port} : goto service-{name} }}\n")
    return text
