{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- define "naru.labels" -}}
app.kubernetes.io/name: naru
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "naru.selector" -}}
app.kubernetes.io/name: naru
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "naru.image" -}}
{{- $v := .Values.AsMap -}}
{{- $digest := dig "image" "digest" "" $v -}}
{{- $repository := dig "image" "repository" "naru" $v -}}
{{- if $digest }}{{ $repository }}@{{ $digest }}
{{- else }}{{ $repository }}:{{ dig "image" "tag" "" $v | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* Hosts of API servers as JSON: from a list, or from one. */ -}}
{{- define "naru.servers" -}}
{{- $host := dig "apiServer" "host" "" .Values.AsMap -}}
{{- if kindIs "slice" $host }}{{ toJson $host }}{{ else if $host }}{{ toJson (list $host) }}{{ else }}[]{{ end }}
{{- end }}

{{- /* Pods that write statuses; 0: those of nodes do. */ -}}
{{- define "naru.controllers" -}}
{{ int (dig "controller" "replicas" 0 .Values.AsMap) }}
{{- end }}

{{- /* Options of a narud that writes statuses: whatever the judgement of an object depends on. */ -}}
{{- define "naru.controller" -}}
{{- $v := .Values.AsMap -}}
{{- $args := list "--role=controller" "--run-dir=/run/naru" "--healthz=[::]:10256" "--admin=[::]:10249" -}}
{{- $options := dict
      "l4" (dig "narud" "l4" "on" $v)
      "external-ip-cidrs" (dig "narud" "externalIPCIDRs" "" $v)
      "gateway-cidrs" (dig "gateway" "cidrs" "" $v)
      "gateway-node-ports" (dig "gateway" "nodePorts" "80,443" $v)
      "log-level" (dig "narud" "logLevel" "info" $v) -}}
{{- range $name, $value := $options -}}
{{- if $value -}}{{- $args = append $args (printf "--%s=%s" $name $value) -}}{{- end -}}
{{- end -}}
{{- toYaml (concat $args (dig "narud" "extraArgs" list $v)) -}}
{{- end }}

{{- /* Options of narud; one without a value is left to narud's default. */ -}}
{{- define "naru.narud" -}}
{{- $v := .Values.AsMap -}}
{{- $args := list
      "--bpffs=/host/bpf"
      "--cgroup=/host/cgroup"
      "--run-dir=/run/naru"
      "--proxy-dir=/run/naru-proxy"
      "--take-over=stay"
      (printf "--proxy-uid=%d" (int64 (dig "proxy" "uid" 10101 $v)))
      (printf "--healthz=[::]:%d" (int (dig "ports" "healthz" 10256 $v)))
      (printf "--drain-time=%d" (int (dig "drainTime" 25 $v)))
      (printf "--l7-threads=%d" (int (dig "proxy" "threads" 0 $v))) -}}
{{- if include "naru.controllers" . | int -}}{{- $args = append $args "--role=node" -}}{{- end -}}
{{- $options := dict
      "l4" (dig "narud" "l4" "on" $v)
      "admin" (dig "ports" "metrics" "127.0.0.1:10249" $v)
      "xdp" (dig "narud" "xdp" "auto" $v)
      "nodeport-addresses" (dig "narud" "nodeportAddresses" "" $v)
      "external-ip-cidrs" (dig "narud" "externalIPCIDRs" "" $v)
      "gateway-cidrs" (dig "gateway" "cidrs" "" $v)
      "gateway-node-ports" (dig "gateway" "nodePorts" "80,443" $v)
      "last-state" (ternary "/var/lib/naru/objects" "" (ne (dig "paths" "state" "/var/lib/naru" $v) ""))
      "access-log" (dig "proxy" "accessLog" "-" $v)
      "log-level" (dig "narud" "logLevel" "info" $v) -}}
{{- range $name, $value := $options -}}
{{- if $value -}}{{- $args = append $args (printf "--%s=%s" $name $value) -}}{{- end -}}
{{- end -}}
{{- $port := int (dig "apiServer" "port" 6443 $v) -}}
{{- range include "naru.servers" . | fromJsonArray | rest -}}
{{- $host := contains ":" . | ternary (printf "[%s]" .) . -}}
{{- $args = append $args (printf "--api-server=https://%s:%d" $host $port) -}}
{{- end -}}
{{- range dig "narud" "devices" list $v -}}{{- $args = append $args (printf "--device=%s" .) -}}{{- end -}}
{{- $engine := dig "bgp" "engine" "off" $v -}}
{{- if ne $engine "off" -}}{{- $args = append $args (printf "--bgp-engine=%s" $engine) -}}{{- end -}}
{{- if eq $engine "bird" -}}{{- $args = append $args "--bgp-file=/run/naru-bird/naru.conf" -}}{{- end -}}
{{- toYaml (concat $args (dig "narud" "extraArgs" list $v)) -}}
{{- end }}

{{- /* What every narud reads. */ -}}
{{- define "naru.reads" -}}
- apiGroups: [""]
  resources: [services, nodes, namespaces, pods]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses, gateways, httproutes, referencegrants]
  verbs: [get, list, watch]
- apiGroups: [networking.istio.io]
  resources: [destinationrules]
  verbs: [get, list, watch]
- apiGroups: [naru.io]
  resources: [addresspools]
  verbs: [get, list, watch]
# Their metadata, to begin and end with the kinds that come and go.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
{{- end }}

{{- /* The status of what naru answers for. No object is changed otherwise. */ -}}
{{- define "naru.writes" -}}
- apiGroups: [""]
  resources: [services/status]
  verbs: [patch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses/status, gateways/status, httproutes/status]
  verbs: [patch]
- apiGroups: [naru.io]
  resources: [addresspools/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
