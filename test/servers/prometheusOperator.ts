import type { ModuleFiles } from './kubernetes/modules.ts';

/** The definitions of the Prometheus operator: PodMonitor, PrometheusRule and others, a file each. */
export const prometheusOperatorKinds: ModuleFiles = {
  module: 'github.com/prometheus-operator/prometheus-operator',
  version: 'v0.85.0',
  sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
  path: 'example/prometheus-operator-crd',
};
