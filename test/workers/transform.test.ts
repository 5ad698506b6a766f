import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import type { ModelSpec } from '../../src/run/specs.ts';
import type { StageContext } from '../../src/workers/stage.ts';
import { transform } from '../../src/workers/transform.ts';
import { localLimits } from '../connectors/http/localLimits.ts';
import { asOf, openings, World } from '../connectors/warehouses/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.remove());
const here = async () => {
  const warehouse = await world.warehouse();
  return () => warehouse;
};

const contextOf = (spec: ModelSpec, passed: string[]): StageContext<ModelSpec> => ({
  step: {
    key: 'm',
    stage: 'Transform',
    dataset: 'openings',
    slice: { asOf: asOf(1), params: '' },
    part: '0',
    spec: '',
    inputs: [],
  },
  spec,
  inputs: [],
  run: { name: 'run-1', asOf: asOf(1) },
  lake: { store: filesystemStore(world.lake), pipeline: 'default/usajobs' },
  scratch: world.scratch,
  signal: world.signal,
  secret: () => undefined,
  allowPrivateNetworks: false,
  limits: localLimits(),
  shared: filesystemStore(world.lake),
  filesRoot: world.folder,
  crashPoint: (name) => passed.push(name),
  progress: () => undefined,
  log: pino({ enabled: false }),
});

it('builds a model and tells what it holds', async () => {
  await world.give({ day: 1, rows: [{ id: 1, title: 'Clerk', pay: '10' }] });
  const passed: string[] = [];
  const model = {
    ...openings,
    checks: [{ name: 'cheap', sql: 'pay > 99', severity: 'Warn' }],
  } satisfies ModelSpec['model'];
  const spec: ModelSpec = { stage: 'Transform', model, schema: 'usajobs', tables: ['postings'], timeZone: 'UTC' };
  const built = await transform(await here())(contextOf(spec, passed));
  expect(built).toMatchObject({
    ledger: { rows: 1, passed: 0, warned: 1, failed: 0 },
    partitions: [{ values: {}, rows: 1, files: [] }],
    schema: [{ name: 'id' }, { name: 'title' }, { name: 'pay' }],
    notices: [{ reason: 'CheckWarned' }],
    insight: '1 row; first: id 1, title Clerk, pay 10.00',
  });
  expect(passed).toEqual(['after-warehouse-commit']);
  const again = await transform(await here())(contextOf(spec, passed));
  expect(again).toEqual(built);
});
