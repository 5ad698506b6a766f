{{- define "jobpulse.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "jobpulse.image" -}}
{{- $repository := .Values.image.repository -}}
{{- if .Values.image.registry }}{{ $repository = printf "%s/%s" .Values.image.registry .Values.image.repository }}{{ end -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "jobpulse.redisImage" -}}
{{- if .Values.image.registry }}{{ .Values.image.registry }}/{{ end }}{{ .Values.redis.image }}
{{- end }}

{{- define "jobpulse.labels" -}}
app.kubernetes.io/name: jobpulse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: jobpulse
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "jobpulse.controllerSelector" -}}
app.kubernetes.io/name: jobpulse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "jobpulse.redisSelector" -}}
app.kubernetes.io/name: jobpulse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end }}

{{/* The namespaces that are looked after by name: the release's own first. */}}
{{- define "jobpulse.namespaces" -}}
{{- concat (list .Release.Namespace) .Values.watch.namespaces | uniq | toJson -}}
{{- end }}

{{- define "jobpulse.redisSecret" -}}
{{- if .Values.redis.bundled }}{{ include "jobpulse.name" . }}-redis{{ else }}{{ required "redis.existingSecret.name is needed when redis.bundled is false" .Values.redis.existingSecret.name }}{{ end -}}
{{- end }}

{{- define "jobpulse.redisKey" -}}
{{- if .Values.redis.bundled }}url{{ else }}{{ .Values.redis.existingSecret.key }}{{ end -}}
{{- end }}

{{- define "jobpulse.lakeClaim" -}}
{{- .Values.lake.filesystem.existingClaim | default (printf "%s-lake" (include "jobpulse.name" .)) -}}
{{- end }}

{{/* The restricted Pod Security Standard. */}}
{{- define "jobpulse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "jobpulse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The document that the controller is started with. */}}
{{- define "jobpulse.installation" -}}
id: {{ include "jobpulse.name" . }}
{{- with .Values.watch.selector }}
pipelineSelector: {{ . | quote }}
{{- end }}
image:
  name: {{ include "jobpulse.image" . }}
  pullPolicy: {{ .Values.image.pullPolicy }}
  pullSecrets: {{ .Values.image.pullSecrets | toJson }}
{{- with .Values.workers.pod }}
pod: {{ . | toJson }}
{{- end }}
{{- with .Values.workers.pools }}
pools: {{ . | toJson }}
{{- end }}
redis:
  secret: {name: {{ include "jobpulse.redisSecret" . }}, key: {{ include "jobpulse.redisKey" . }}}
lake:
  {{- if .Values.lake.s3 }}
  s3: {{ .Values.lake.s3 | toJson }}
  {{- else }}
  filesystem: {claimName: {{ include "jobpulse.lakeClaim" . }}}
  {{- end }}
{{- with .Values.files.existingClaim }}
files: {claimName: {{ . }}}
{{- end }}
warehouse:
  duckdb:
    storage: {{ .Values.warehouse.storage }}
    {{- with .Values.warehouse.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
  {{- with .Values.warehouse.postgres }}{{- if .secret.name }}
  postgres:
    secret: {name: {{ .secret.name }}, key: {{ .secret.key }}}
    {{- if .ca.name }}
    ca: {name: {{ .ca.name }}, key: {{ .ca.key }}}
    {{- end }}
  {{- end }}{{- end }}
allowPrivateNetworks: {{ .Values.allowPrivateNetworks }}
networkPolicy:
  enabled: {{ .Values.networkPolicy.enabled }}
  {{- with .Values.networkPolicy.dns }}
  dns: {{ . | toJson }}
  {{- end }}
  {{- if .Values.networkPolicy.redis }}
  redis: {{ .Values.networkPolicy.redis | toJson }}
  {{- else if .Values.redis.bundled }}
  redis:
    to:
      - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}}
        podSelector: {matchLabels: {{ include "jobpulse.redisSelector" . | fromYaml | toJson }}}
    ports: [6379]
  {{- end }}
  {{- with .Values.networkPolicy.warehouse }}
  warehouse: {{ . | toJson }}
  {{- end }}
  {{- with .Values.networkPolicy.metrics }}
  metrics: {{ . | toJson }}
  {{- end }}
{{- end }}
