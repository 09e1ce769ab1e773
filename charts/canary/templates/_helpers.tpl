{{/* A release that is called after Flagger takes its place: the same names and selector, so that it can be upgraded. */}}
{{- define "canary.name" -}}
{{- $usual := ternary "flagger" .Chart.Name (contains "flagger" .Release.Name) -}}
{{- default $usual .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Values files written for Flagger use it in `affinity`. */}}
{{- define "flagger.name" -}}
{{- include "canary.name" . -}}
{{- end -}}

{{- define "canary.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "canary.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "canary.serviceAccountName" -}}
{{- $usual := ternary (include "canary.fullname" .) "default" (ne (toString (.Values.serviceAccount).create) "false") -}}
{{- default $usual (.Values.serviceAccount).name -}}
{{- end -}}

{{- define "canary.selectorLabels" -}}
app.kubernetes.io/name: {{ include "canary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "canary.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "canary.selectorLabels" . }}
{{- end -}}

{{/* Where the Lease is: with -namespace the controller keeps it there. */}}
{{- define "canary.leaseNamespace" -}}
{{- default .Release.Namespace .Values.namespace -}}
{{- end -}}

{{/* Whether ConfigMaps and Secrets belong to a revision: unless they are said not to. */}}
{{- define "canary.tracks" -}}
{{- ne (toString (.Values.configTracking).enabled) "false" -}}
{{- end -}}

{{/* Several replicas without an election would all act at once. */}}
{{- define "canary.elects" -}}
{{- if or (.Values.leaderElection).enabled (gt (int (.Values.leaderElection).replicaCount) 1) -}}yes{{- end -}}
{{- end -}}

{{/* Dotted, it is a key of its own; both spellings are in use. */}}
{{- define "canary.crds" -}}
{{- if hasKey .Values "crd.create" -}}
{{- if index .Values "crd.create" -}}yes{{- end -}}
{{- else if (.Values.crd).create -}}yes{{- end -}}
{{- end -}}

{{/* Addresses that may hold secrets, by the variable that the controller reads; as JSON. */}}
{{- define "canary.secrets" -}}
{{- $given := list -}}
{{- range .Values.env -}}{{- $given = append $given .name -}}{{- end -}}
{{- $all := dict
  "EVENT_WEBHOOK_URL" .Values.eventWebhook
  "MSTEAMS_PROXY_URL" (.Values.msteams).proxyUrl
  "MSTEAMS_URL" (.Values.msteams).url
  "SLACK_PROXY_URL" (default (.Values.slack).proxy (.Values.slack).proxyUrl)
  "SLACK_URL" (.Values.slack).url -}}
{{- $kept := dict -}}
{{- range $name, $value := $all -}}
{{- if and $value (not (has $name $given)) -}}{{- $_ := set $kept $name $value -}}{{- end -}}
{{- end -}}
{{- toJson $kept -}}
{{- end -}}

{{- define "canary.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag | toString) -}}
{{- end -}}
{{- end -}}

{{/* Where Pods must not send anything, for a policy of the network: networks of IPv4 and of IPv6, as JSON. */}}
{{- define "canary.deniedNetworks" -}}
{{- $networks := dict "0.0.0.0/0" list "::/0" list -}}
{{- range $entry := .Values.denyAddresses -}}
{{- range ternary (splitList "\n" (trim ($.Files.Get "files/denied.txt"))) (list $entry) (eq $entry "default") -}}
{{- $all := ternary "::/0" "0.0.0.0/0" (contains ":" .) -}}
{{- $network := ternary . (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) (contains "/" .) -}}
{{- $_ := set $networks $all (append (get $networks $all) $network | uniq) -}}
{{- end -}}
{{- end -}}
{{- toJson $networks -}}
{{- end -}}

{{/* Values that a rollout would go wrong without, if they were left out in silence. */}}
{{- define "canary.refuse" -}}
{{- if (.Values.prometheus).install -}}
{{- fail "prometheus.install: this chart brings no Prometheus; set metricsServer to the address of yours" -}}
{{- end -}}
{{- if ((.Values.controlplane).kubeconfig).secretName -}}
{{- fail "controlplane.kubeconfig.secretName: mesh objects in another cluster are not served" -}}
{{- end -}}
{{- if regexMatch "(^|/)(fluxcd|weaveworks)/flagger$" .Values.image.repository -}}
{{- fail (printf "image.repository: %s is Flagger's image; leave image out, or name one of canary-core" .Values.image.repository) -}}
{{- end -}}
{{- end -}}

{{/* Rules on objects of canaries: those that examples/controller/rbac.yaml explains. */}}
{{- define "canary.rules" -}}
- apiGroups: [flagger.app]
  resources: [canaries]
  verbs: [get, list, watch, patch]
- apiGroups: [flagger.app]
  resources: [canaries/status]
  verbs: [update]
- apiGroups: [flagger.app]
  resources: [canaries/finalizers]
  verbs: [update]
- apiGroups: [flagger.app]
  resources: [metrictemplates, alertproviders]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, update, delete]
{{- if eq (include "canary.tracks" .) "true" }}
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, delete]
{{- else }}
# Those that AlertProviders and MetricTemplates name.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
# To say why pods do not run: a few of them are listed while a workload is not ready.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch, create, update]
- apiGroups: [networking.istio.io]
  resources: [destinationrules]
  verbs: [list, watch, create, update]
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  verbs: [list, watch, create, update, delete]
{{- end -}}
