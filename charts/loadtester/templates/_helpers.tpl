{{- define "loadtester.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "loadtester.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "loadtester.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* As in Flagger's chart: a Deployment's selector cannot change, and a release of that chart is to be upgraded. */}}
{{- define "loadtester.selectorLabels" -}}
app: {{ include "loadtester.name" . }}
{{- end -}}

{{/* Two releases in one namespace have the selector in common; what sends traffic tells them apart. */}}
{{- define "loadtester.ownLabels" -}}
{{ include "loadtester.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "loadtester.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "loadtester.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "loadtester.serviceAccountName" -}}
{{- if .Values.serviceAccountName -}}{{ .Values.serviceAccountName }}
{{- else if (.Values.rbac).create -}}{{ include "loadtester.fullname" . }}
{{- else -}}default{{- end -}}
{{- end -}}

{{- define "loadtester.image" -}}
{{- if regexMatch "(^|/)(fluxcd|weaveworks)/flagger-loadtester$" .Values.image.repository -}}
{{- fail (printf "image.repository: %s is Flagger's image; leave image out, or name one of canary-core" .Values.image.repository) -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag | toString) -}}
{{- end -}}
{{- end -}}

{{/* The Secret that says who may open and close gates; empty: everybody may. */}}
{{- define "loadtester.gates" -}}
{{- if or .Values.tenants (.Values.gateToken).enabled -}}
{{- default (printf "%s-gates" (include "loadtester.fullname" .)) (.Values.gateToken).secretName -}}
{{- end -}}
{{- end -}}

{{/* What commands must not name, as JSON. With tenants also the load tester itself, where they could say to be others. */}}
{{- define "loadtester.denied" -}}
{{- $own := ternary (list "127.0.0.0/8" "0.0.0.0" "::1" "::") list (not (not .Values.tenants)) -}}
{{- concat (default list .Values.denyAddresses) $own | toJson -}}
{{- end -}}

{{/* Where Pods must not send anything, for a policy of the network: networks of IPv4 and of IPv6, as JSON. */}}
{{- define "loadtester.deniedNetworks" -}}
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

{{/* Values that contradict each other. */}}
{{- define "loadtester.refuse" -}}
{{- if and .Values.tenants (or (.Values.cmd).enableShell (.Values.cmd).enableBash) -}}
{{- fail "tenants: cmd.enableShell and cmd.enableBash must be off; each team's scripts could do anything to the commands of the others" -}}
{{- end -}}
{{- if and .Values.tenants .Values.flaggerCompatible -}}
{{- fail "flaggerCompatible: must be off with tenants; each team's scripts could do anything to the commands of the others" -}}
{{- end -}}
{{- end -}}

{{/* The flags of `canary loadtester`, as a list. Quoted, because a value may look like YAML. */}}
{{- define "loadtester.flags" -}}
{{- $found := list "-port=8080" -}}
{{- $env := list -}}
{{- $programs := default list (.Values.cmd).allowPrograms -}}
{{- if .Values.flaggerCompatible -}}{{- $programs = concat $programs (list "helm" "helmv3" "kubectl") | uniq -}}{{- end -}}
{{- range .Values.env -}}{{- $env = append $env .name -}}{{- end -}}
{{- $flags := list
  (list "log-level" .Values.logLevel)
  (list "timeout" (.Values.cmd).timeout)
  (list "namespace-regexp" (.Values.cmd).namespaceRegexp)
  (list "allow-programs" (join "," $programs))
  (list "max-commands" (int64 (.Values.cmd).maxCommands))
  (list "gate-token-file" (ternary "/etc/canary/gates/fingerprints" "" (ne (include "loadtester.gates" .) "")))
  (list "pass-env" (join "," $env)) -}}
{{- range $flags -}}
{{- if index . 1 -}}{{- $found = append $found (printf "-%s=%v" (index . 0) (index . 1)) -}}{{- end -}}
{{- end -}}
{{- $found = append $found (printf "-deny-addresses=%s" (join "," (include "loadtester.denied" . | fromJsonArray))) -}}
{{- if or .Values.flaggerCompatible (.Values.cmd).enableBash -}}{{- $found = append $found "-enable-bash" -}}{{- end -}}
{{- if or .Values.flaggerCompatible (.Values.cmd).enableShell -}}{{- $found = append $found "-enable-shell" -}}{{- end -}}
{{- range concat $found (default list .Values.extraArgs) }}
- {{ . | quote }}
{{- end }}
{{- end -}}
