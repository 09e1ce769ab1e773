{{/* The flags of `canary controller`, as a list. Quoted, because a value may look like YAML. Whole numbers of a
file are floats to helm, which would write large ones as 1e+06. */}}
{{- define "canary.flags" -}}
{{- $flags := list
  (list "log-level" .Values.logLevel)
  (list "mesh-provider" .Values.meshProvider)
  (list "metrics-server" .Values.metricsServer)
  (list "namespace" .Values.namespace)
  (list "selector-labels" .Values.selectorLabels)
  (list "include-label-prefix" .Values.includeLabelPrefix)
  (list "threadiness" (int64 .Values.threadiness))
  (list "kubeconfig-qps" .Values.kubeconfigQPS)
  (list "kubeconfig-burst" (int64 .Values.kubeconfigBurst))
  (list "cluster-name" .Values.clusterName)
  (list "slack-user" (.Values.slack).user)
  (list "slack-channel" (.Values.slack).channel) -}}
{{- $found := list -}}
{{- range $flags -}}
{{- if index . 1 -}}{{- $found = append $found (printf "-%s=%v" (index . 0) (index . 1)) -}}{{- end -}}
{{- end -}}
{{- $found = append $found (printf "-enable-config-tracking=%s" (include "canary.tracks" .)) -}}
{{- $found = append $found (printf "-deny-addresses=%s" (join "," .Values.denyAddresses)) -}}
{{- if or .Values.tenants .Values.noCrossNamespaceRefs -}}{{- $found = append $found "-no-cross-namespace-refs" -}}{{- end -}}
{{- with .Values.allowedGateways -}}{{- $found = append $found (printf "-allowed-gateways=%s" (join "," .)) -}}{{- end -}}
{{- if .Values.allowCrossNamespaceHosts -}}{{- $found = append $found "-allow-cross-namespace-hosts" -}}{{- end -}}
{{- if .Values.readyWhileProgressing -}}{{- $found = append $found "-ready-while-progressing" -}}{{- end -}}
{{- if (.Values.livePage).enabled -}}
{{- $found = append $found "-dashboard-port=8081" -}}
{{- if .Values.livePage.verbs -}}{{- $found = append $found "-dashboard-verbs" -}}{{- end -}}
{{- end -}}
{{- if include "canary.elects" . -}}
{{- $found = concat $found (list "-enable-leader-election" (printf "-leader-election-namespace=%s" .Release.Namespace)) -}}
{{- end -}}
{{- range concat $found (default list .Values.extraArgs) }}
- {{ . | quote }}
{{- end }}
{{- end -}}
