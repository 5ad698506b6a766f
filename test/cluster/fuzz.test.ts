import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unbuilt } from '../../src/api/built.ts';
import { crdSchema, kinds } from '../../src/api/generate/crd.ts';
import type { Schema } from '../../src/api/generate/structural.ts';
import type { Pipeline } from '../../src/api/index.ts';
import { type Api, ApiError } from '../servers/kubernetes/api.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type Cluster, type ControllerProcess, startCluster, until } from './cluster.ts';
import { each } from './fleet.ts';
import { gaugesOf, settled } from './gauges.ts';
import { manyKinds, type Written } from './manyKinds.ts';

const specs = 500;
const path = '/apis/jobpulse.dev/v1alpha1/namespaces/default/pipelines';

/** As in a cluster where files can be read. */
const installation = `
id: harbour
image: {name: registry.example/jobpulse:1}
redis: {secret: {name: jobpulse-redis}}
lake: {filesystem: {claimName: jobpulse-lake}}
files: {claimName: jobpulse-files}
`;

describeWithKubernetes('Pipelines of all kinds, good and bad', () => {
  const manifests = manyKinds(specs, 20_261_121);
  let cluster: Cluster;
  let api: Api;
  let controller: ControllerProcess;
  let folder: string;
  const refusals = new Map<string, string>();
  let stored: readonly Pipeline[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jobpulse-test-fuzz-'));
    writeFileSync(join(folder, 'installation.yaml'), installation);
    cluster = await startCluster({ withNode: false });
    api = await cluster.plane.connect();
    controller = await cluster.startController('fuzzed', { args: ['--config', join(folder, 'installation.yaml')] });
    await each(manifests, async (manifest) => {
      const refusal = await refusalOf(api, manifest);
      if (refusal !== undefined) refusals.set(manifest.metadata.name, refusal);
    });
    await until(async () => {
      stored = (await api.get<{ items: Pipeline[] }>(path)).items;
      await sleep(1_000); // such a list costs the API server more than anybody else has it do
      return stored.every((pipeline) => validOf(pipeline) !== undefined);
    }, 300_000);
    await settled(controller, stored.length);
  }, 540_000);
  afterAll(async () => {
    await api?.close();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const accepted = () => stored.filter((pipeline) => validOf(pipeline)?.status === 'True');

  test('each is refused, valid or not valid; at least half of them are valid', () => {
    expect(stored.length + refusals.size).toBe(specs);
    expect(accepted().length).toBeGreaterThanOrEqual(specs / 2);
    expect(refusals.size).toBeGreaterThan(50);
    expect(stored.length - accepted().length).toBeGreaterThan(5);
  });

  test('who is refused is told where and why, and who is not valid how to mend it', () => {
    for (const refusal of refusals.values()) expect(refusal).toMatch(/spec|unknown field|cannot unmarshal/);
    for (const pipeline of stored) {
      const { status, reason, message = '' } = validOf(pipeline) ?? {};
      if (status === 'True') continue;
      expect(status).toBe('False');
      expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      // The path, what was found, and what to do, as sentences.
      expect(message).toMatch(/^(spec|metadata)[^ ]*: .+\. ?[A-Z].+\.?/s);
    }
  });

  test('the controller is still there, and has looked at none of them again and again', async () => {
    const gauges = await gaugesOf(controller);
    expect(gauges('jobpulse_reconcile_total', { result: 'error' })).toBe(0);
    expect(gauges('jobpulse_reconcile_total', { controller: 'pipelines' })).toBeLessThan(4 * stored.length);
    expect(gauges('jobpulse_work_queue_depth', { state: 'waiting' })).toBe(0);
    const before = gauges('jobpulse_reconcile_total');
    await sleep(3_000);
    expect((await gaugesOf(controller))('jobpulse_reconcile_total') - before).toBeLessThan(10);
  });

  describe('every part of the vocabulary', () => {
    const [kind] = kinds;
    const spec = kind && crdSchema(kind).properties?.spec;
    const fields = spec ? [...fieldsOf(spec, '')] : [];

    test('was in what the API server took', () => {
      const used = usedIn(stored);
      expect(fields.filter((field) => !used.has(once(field)))).toEqual([]);
    });

    test('that is built was in what is valid', () => {
      const used = usedIn(accepted());
      const parts = unbuilt.flatMap(({ at, parts }) =>
        parts.map((part) => (at === '' ? `.${part}` : `.${at}.${part}`)),
      );
      const isBuilt = (field: string) =>
        !parts.some((part) => field === part || field.startsWith(`${part}.`) || field.startsWith(`${part}[`));
      expect(fields.filter((field) => isBuilt(field) && !used.has(once(field)))).toEqual([]);
    });
  });
});

/** What the API server says against a manifest; `undefined` when it takes it. */
async function refusalOf(api: Api, manifest: Written): Promise<string | undefined> {
  try {
    await api.post(`${path}?fieldValidation=Strict`, manifest);
    return undefined;
  } catch (error) {
    // Anything but a refusal is a fault.
    if (error instanceof ApiError && [400, 422].includes(error.code)) return error.message;
    throw error;
  }
}

const validOf = ({ status }: Pipeline) => status?.conditions?.find(({ type }) => type === 'Valid');

function usedIn(pipelines: readonly Pipeline[]): ReadonlySet<string> {
  return new Set(pipelines.flatMap(({ spec }) => [...fieldsIn(spec, '')].map(once)));
}

function* fieldsOf({ properties = {}, items }: Schema, at: string): Generator<string> {
  if (items) yield* fieldsOf(items, `${at}[]`);
  for (const [name, member] of Object.entries(properties)) {
    yield `${at}.${name}`;
    yield* fieldsOf(member, `${at}.${name}`);
  }
}

function* fieldsIn(value: unknown, at: string): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* fieldsIn(item, `${at}[]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      yield `${at}.${name}`;
      yield* fieldsIn(member, `${at}.${name}`);
    }
  }
}

/** Blocks that stand in many places, such as a reference to a secret, need to be used in one of them. */
const once = (field: string): string =>
  field
    .replace(/^.*\.(secretKeyRef|rowCount)\./, '$1.')
    .replace(/workers\.\w+/, 'workers.pool')
    .replace(/^.*\.paging\.(?:total|next|cursor\.next)\.(path|header)$/, 'located.$1');
