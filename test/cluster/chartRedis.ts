import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { findKubernetes } from '../servers/kubernetes/binaries.ts';
import type { ChartNode } from './chartNode.ts';

/** Works with the chart's Redis, as the controller's user, through `kubectl port-forward`. */
export async function withRedis<Result>(
  { node, namespace, kubectl }: ChartNode,
  work: (redis: Redis) => Promise<Result>,
): Promise<Result> {
  const secret = await kubectl(['get', 'secret', 'jobpulse-redis', '-o', 'jsonpath={.data.controller-url}']);
  const url = new URL(Buffer.from(secret, 'base64').toString());
  const words = ['--kubeconfig', node.plane.kubeconfig, '-n', namespace, 'port-forward', 'service/jobpulse-redis'];
  const forward = spawn(findKubernetes()?.kubectl ?? 'kubectl', [...words, ':6379'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(createInterface({ input: forward.stdout }), 'line')) as [string];
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port === undefined) throw new Error(`kubectl port-forward said ${line}`);
    url.host = `127.0.0.1:${port}`;
    const redis = new Redis(url.href);
    return await work(redis).finally(() => redis.disconnect());
  } finally {
    forward.kill();
  }
}
