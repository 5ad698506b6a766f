import { pipeline as pipelineSchema } from '../src/api/index.ts';
import { unlimited } from '../src/connectors/http/limiter.ts';
import type { Store } from '../src/connectors/stores/store.ts';
import { createLogger } from '../src/observability/log.ts';
import type { ExtractSpec } from '../src/run/specs.ts';
import { extract } from '../src/workers/extract.ts';
import type { StageContext } from '../src/workers/stage.ts';

/** What is asked, as `extract.rest` of a manifest has it, and where its records are. */
export interface Asked {
  readonly rest: object;
  readonly records: string;
}

export interface Place {
  readonly store: Store;
  readonly scratch: string;
  /** Default: there are no secrets. */
  readonly secret?: StageContext<ExtractSpec>['secret'];
}

/** Our extract stage over all pages of a source, and nothing around it: no queue, no limits, no other stage. */
export async function extractAll(asked: Asked, { store, scratch, secret = () => undefined }: Place): Promise<void> {
  const slice = { asOf: '2026-01-01T00:00:00.000Z', params: '' };
  const result = await extract({
    step: { key: 'k', stage: 'Extract', dataset: 'jobs', slice, part: '0', spec: '', inputs: [] },
    spec: specFor(asked),
    inputs: [],
    run: { name: 'bench', asOf: slice.asOf },
    lake: { store, pipeline: 'default/bench' },
    scratch,
    signal: new AbortController().signal,
    secret,
    allowPrivateNetworks: true,
    limits: { limiter: () => unlimited },
    shared: store,
    filesRoot: scratch,
    crashPoint: () => undefined,
    progress: () => undefined,
    log: createLogger({ level: 'error' }),
  });
  if (!result.complete) throw new Error('not all pages were read');
}

function specFor({ rest, records }: Asked): ExtractSpec {
  const { spec } = pipelineSchema.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'bench' },
    spec: {
      datasets: [
        {
          name: 'jobs',
          key: ['id'],
          extract: { rest },
          format: { json: { records } },
          clean: { columns: [{ name: 'id', type: 'string', from: '$.id' }] },
          load: {},
        },
      ],
    },
  });
  const [dataset] = spec.datasets;
  if (!dataset) throw new Error('the schema dropped the dataset');
  const { extract, format } = dataset;
  return { stage: 'Extract', dataset: 'jobs', extract, format, params: {}, part: { pages: 100, files: 1 } };
}
