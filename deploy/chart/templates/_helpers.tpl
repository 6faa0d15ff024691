{{- define "fivedots.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fivedots.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "fivedots.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "fivedots.serviceAccount" -}}
{{- default (include "fivedots.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "fivedots.selector" -}}
app.kubernetes.io/name: {{ include "fivedots.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fivedots.labels" -}}
{{ include "fivedots.selector" . }}
app.kubernetes.io/component: {{ .Values.profile }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "fivedots.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Whether the program may ask the Kubernetes API: who serves no client has none to name. */}}
{{- define "fivedots.asksApi" -}}
{{- if and .Values.rbac.create (ne .Values.profile "diagnose") -}}true{{- end -}}
{{- end -}}

{{/* Whether CoreDNS is asked by its Pods, which only the Kubernetes API lists. */}}
{{- define "fivedots.asksPods" -}}
{{- if and .Values.cluster.askPods (not .Values.cluster.upstreams) -}}
{{- include "fivedots.asksApi" . -}}
{{- end -}}
{{- end -}}

{{/* The Service whose address is asked: that which is taken over cannot be. */}}
{{- define "fivedots.upstreamService" -}}
{{- if .Values.interception.enabled -}}
{{ include "fivedots.fullname" . }}-upstream
{{- else -}}
{{ .Values.cluster.dnsService }}
{{- end -}}
{{- end -}}

{{/* The addresses of CoreDNS, for a flag. The kubelet sets the variable from the Service. */}}
{{- define "fivedots.coredns" -}}
{{- if .Values.cluster.upstreams -}}
{{- join "," .Values.cluster.upstreams -}}
{{- else -}}
$({{ include "fivedots.upstreamService" . | upper | replace "-" "_" }}_SERVICE_HOST)
{{- end -}}
{{- end -}}

{{/* The ClusterIPs that are taken over, as JSON. */}}
{{- define "fivedots.services" -}}
{{- if .Values.interception.services -}}
{{- toJson .Values.interception.services -}}
{{- else -}}
{{- $service := lookup "v1" "Service" .Release.Namespace .Values.cluster.dnsService -}}
{{- if $service -}}
{{- toJson (default (list $service.spec.clusterIP) $service.spec.clusterIPs) -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}
{{- end -}}

{{/* All addresses that are taken over, for people. */}}
{{- define "fivedots.taken" -}}
{{- concat (fromJsonArray (include "fivedots.services" .)) .Values.interception.local | join ", " -}}
{{- end -}}

{{/* An address of a variable with a port, in the syntax of its family. */}}
{{- define "fivedots.address" -}}
{{- if eq .family "IPv6" -}}[$({{ .name }})]:{{ .port }}{{- else -}}$({{ .name }}):{{ .port }}{{- end -}}
{{- end -}}

{{- define "fivedots.anyAddress" -}}
{{- if eq .family "IPv4" -}}0.0.0.0:{{ .port }}{{- else -}}[::]:{{ .port }}{{- end -}}
{{- end -}}

{{- define "fivedots.args" -}}
{{- $coredns := include "fivedots.coredns" . -}}
- run
- --config=/etc/fivedots/fivedots.toml
{{- if eq .Values.profile "node-cache" }}
- --listen={{ include "fivedots.address" (dict "family" .Values.ipFamily "name" "HOST_IP" "port" 53) }}
- --metrics={{ include "fivedots.address" (dict "family" .Values.ipFamily "name" "HOST_IP" "port" .Values.metrics.port) }}
{{- else if eq .Values.profile "front" }}
{{- if ne .Values.ipFamily "IPv6" }}
- --listen=0.0.0.0:5353
{{- end }}
{{- if ne .Values.ipFamily "IPv4" }}
- --listen=[::]:5353
{{- end }}
- --metrics={{ include "fivedots.anyAddress" (dict "family" .Values.ipFamily "port" .Values.metrics.port) }}
{{- else }}
- --listen=127.0.0.1:5335
- --metrics={{ include "fivedots.anyAddress" (dict "family" .Values.ipFamily "port" .Values.metrics.port) }}
{{- end }}
- --admin=127.0.0.1:{{ .Values.admin.port }}
{{- if or (eq .Values.profile "front") (eq .Values.cluster.others "cluster") }}
{{- range splitList "," $coredns }}
- --upstream={{ . }}
{{- end }}
{{- end }}
{{- if include "fivedots.asksPods" . }}
- --service={{ $coredns }}={{ .Release.Namespace }}/{{ include "fivedots.upstreamService" . }}
{{- end }}
{{- range list .Values.cluster.domain "in-addr.arpa" "ip6.arpa" }}
- --zone={{ . }}={{ $coredns }}
{{- end }}
{{- range .Values.zones }}
- --zone={{ .suffix }}={{ join "," .upstreams }}{{ if eq (default "udp" .transport) "tcp" }}+tcp{{ end }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Pod of all profiles. */}}
{{- define "fivedots.pod" -}}
{{- $onHost := eq .Values.profile "node-cache" -}}
metadata:
  labels:
    {{- include "fivedots.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: fivedots
    {{- if and $onHost .Values.interception.enabled }}
    # Taken over at the start: for other addresses there must be other Pods.
    fivedots/intercepts: {{ include "fivedots.taken" . | quote }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "fivedots.serviceAccount" . }}
  automountServiceAccountToken: {{ eq (include "fivedots.asksApi" .) "true" }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if $onHost }}
  # No `ports` below: the API server would reserve them on the node, and the new Pod of
  # an update would wait for ever for those of the old one.
  hostNetwork: true
  {{- end }}
  # The node's own resolv.conf: with ClusterFirst it would forward to itself.
  dnsPolicy: Default
  enableServiceLinks: true
  {{- if or $onHost (eq .Values.profile "diagnose") }}
  priorityClassName: {{ .Values.priorityClassName }}
  tolerations:
    {{- toYaml .Values.tolerations | nindent 4 }}
  {{- end }}
  nodeSelector:
    kubernetes.io/os: linux
    {{- with .Values.nodeSelector }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.profile "front" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "fivedots.selector" . | nindent 10 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: fivedots
      image: {{ include "fivedots.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "fivedots.args" . | nindent 8 }}
      env:
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        - name: HOST_IP
          valueFrom:
            fieldRef:
              fieldPath: status.hostIP
        - name: RUST_LOG
          value: {{ .Values.logLevel | quote }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if eq .Values.profile "front" }}
      ports:
        - name: dns
          containerPort: 5353
          protocol: UDP
        - name: dns-tcp
          containerPort: 5353
          protocol: TCP
      {{- end }}
      # Over the process's own socket. On an address that two Pods share during an
      # update the old one would answer for the new one, and a full conntrack table
      # would end the cache in the very incident that it helps against.
      startupProbe:
        exec:
          command: ["fivedots", "probe", "ready"]
        periodSeconds: 1
        timeoutSeconds: 5
        failureThreshold: 30
      readinessProbe:
        exec:
          command: ["fivedots", "probe", "ready"]
        periodSeconds: 10
        timeoutSeconds: 5
      livenessProbe:
        exec:
          command: ["fivedots", "probe", "live"]
        periodSeconds: 15
        timeoutSeconds: 10
        failureThreshold: 4
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: ["ALL"]
          {{- if $onHost }}
          {{- if .Values.interception.enabled }}
          # Port 53; addresses and rules of the node.
          add: ["NET_BIND_SERVICE", "NET_ADMIN"]
          {{- else }}
          # Port 53 of the node.
          add: ["NET_BIND_SERVICE"]
          {{- end }}
          {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/fivedots
          readOnly: true
        - name: run
          mountPath: /run/fivedots
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "fivedots.fullname" . }}
    - name: run
      emptyDir:
        medium: Memory
        sizeLimit: 1Mi
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
