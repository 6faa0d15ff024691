//go:build programs

// Package kubernetes pins the parts of Kubernetes that the tests run.
package kubernetes

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
