import type { ClusterAccess } from './access.ts';
import { AgentHolder } from './agent.ts';
import { InClusterAccess } from './in-cluster.ts';
import { KubeconfigAccess } from './kubeconfig.ts';

export interface AccessOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Put before `/var/run/secrets/…`; empty outside of tests. */
  readonly root: string;
  /** ms */
  readonly connectTimeout: number;
}

/**
 * KUBECONFIG where it is set; else the pod's service account where the kubelet set the two variables; else `~/.kube/config`.
 * The files themselves are read later: a token that is not there yet is waited for.
 */
export function findCluster(options: AccessOptions): ClusterAccess {
  const { env } = options;
  const agents = new AgentHolder(options.connectTimeout);
  if (!env['KUBECONFIG'] && env['KUBERNETES_SERVICE_HOST'] && env['KUBERNETES_SERVICE_PORT']) {
    return new InClusterAccess(env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT'], options.root, agents);
  }
  return new KubeconfigAccess(env, agents);
}
