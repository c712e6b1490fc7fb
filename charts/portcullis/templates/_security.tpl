{{/*
User 0 and one capability: the kernel asks for CAP_NET_ADMIN in the user namespace of the node's network namespace, and
Kubernetes hands capabilities to user 0 only (there are no ambient ones). test/chart runs the agent under exactly this.
*/}}
{{- define "portcullis.securityContext" -}}
runAsUser: 0
runAsGroup: 0
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add: [NET_ADMIN]
{{- end -}}
