{{/* The name of all objects. */}}
{{- define "portcullis.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 39 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "portcullis.fullname" .) -}}
{{- end -}}

{{/* The sign to uninstall is an annotation of this object (docs/install-in-a-cluster.md). */}}
{{- define "portcullis.uninstallFrom" -}}
{{- printf "%s/%s" .Release.Namespace (include "portcullis.serviceAccount" .) -}}
{{- end -}}

{{- define "portcullis.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.selector" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "portcullis.labels" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Where /metrics, /healthz and /readyz are served, as the agent's flag says it. */}}
{{- define "portcullis.bind" -}}
{{- $host := .Values.metrics.host -}}
{{- if contains ":" $host -}}[{{ $host }}]{{- else -}}{{ $host }}{{- end -}}
:{{ .Values.metrics.port }}
{{- end -}}

{{- define "portcullis.probe" -}}
port: metrics
{{- with .Values.metrics.host }}
host: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The policy kinds that are on, as the agent's flag names them. */}}
{{- define "portcullis.kinds" -}}
{{- $kinds := list -}}
{{- range $name, $switch := .Values.policies -}}
{{- if $switch.enabled }}{{ $kinds = append $kinds (printf "%s%s" (upper (substr 0 1 $name)) (substr 1 -1 $name)) }}{{ end -}}
{{- end -}}
{{- if not $kinds }}{{ fail "switch on at least one of policies" }}{{ end -}}
{{- join "," $kinds -}}
{{- end -}}

{{/* Names are learned: policies that can have them are read, and nobody has said otherwise. Empty: they are not. */}}
{{- define "portcullis.learnsNames" -}}
{{- $kinds := .Values.policies -}}
{{- if and .Values.dns.enabled .Values.featureGates.domainNames (or $kinds.adminNetworkPolicy.enabled $kinds.clusterNetworkPolicy.enabled) -}}
true
{{- end -}}
{{- end -}}
