import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { z } from 'zod';
import { extract as extractSchema } from '../../../src/api/extract.ts';
import type { Format } from '../../../src/api/index.ts';
import { filesystemStore, prefixed } from '../../../src/connectors/stores/filesystem.ts';
import type { Lake } from '../../../src/lake/lake.ts';
import type { ExtractSpec } from '../../../src/run/specs.ts';
import type { Manifest, StepResult } from '../../../src/run/types.ts';
import type { StageContext } from '../../../src/workers/stage.ts';
import { localLimits } from '../http/localLimits.ts';

export interface Setting {
  readonly extract: z.input<typeof extractSchema>;
  readonly format: Format;
  readonly params: ExtractSpec['params'];
  readonly pages: number;
  readonly files: number;
  readonly part: number;
  readonly key: string;
  readonly head: Manifest;
  /** Digest of the items it asks for. */
  readonly items: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly filesRoot: string;
  readonly allowPrivateNetworks: boolean;
  readonly signal: AbortSignal;
  readonly crashPoint: (name: string) => void;
}

/** A lake in a temporary folder, and the contexts of steps that write into it. */
export class Bench {
  readonly root: string;
  readonly lake: Lake;
  readonly limits = localLimits();

  static async open(): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'extract-')));
  }

  /** `root` is the folder of an open bench, perhaps of another process. */
  constructor(root: string) {
    this.root = root;
    this.lake = { store: filesystemStore(join(root, 'lake')), pipeline: 'default/test' };
  }

  /** A folder of its own. */
  folder(): Promise<string> {
    return mkdtemp(join(this.root, 'folder-'));
  }

  async context(setting: Partial<Setting> & Pick<Setting, 'extract'>): Promise<StageContext<ExtractSpec>> {
    const { part = 0, pages = 20, files = 20, head, secrets = {} } = setting;
    const spec: ExtractSpec = {
      stage: 'Extract',
      dataset: 'postings',
      extract: extractSchema.parse({ retry: { attempts: 3, delay: '5ms' }, ...setting.extract }),
      format: setting.format ?? { json: { records: '$.items[*]' } },
      params: setting.params ?? {},
      part: { pages, files },
    };
    return {
      spec,
      step: {
        key: setting.key ?? `key${part}`,
        stage: 'Extract',
        dataset: 'postings',
        slice: { asOf: '2026-11-20T06:00:00.000Z', params: '00000000' },
        part: String(part),
        spec: 'sha256:0',
        inputs: head ? ['head'] : [],
        ...(setting.items === undefined ? {} : { items: setting.items }),
      },
      inputs: head ? [head] : [],
      run: { name: 'run', asOf: '2026-11-20T06:00:00.000Z' },
      lake: this.lake,
      scratch: await this.folder(),
      signal: setting.signal ?? new AbortController().signal,
      secret: ({ name, key }) => secrets[`${name}/${key}`],
      allowPrivateNetworks: setting.allowPrivateNetworks ?? true,
      limits: this.limits,
      shared: prefixed(this.lake.store, 'shared'),
      filesRoot: setting.filesRoot ?? this.root,
      crashPoint: setting.crashPoint ?? (() => undefined),
      progress: () => undefined,
      log: pino({ level: 'silent' }),
    };
  }

  close(): Promise<void> {
    return rm(this.root, { recursive: true });
  }
}

/** The manifest of a first part, as far as later parts read it. */
export const manifestOf = (context: StageContext<ExtractSpec>, result: StepResult): Manifest => ({
  v: 1,
  key: context.step.key,
  stage: 'Extract',
  dataset: context.step.dataset,
  run: 'run',
  epoch: 1,
  slice: context.step.slice,
  part: context.step.part,
  spec: context.step.spec,
  inputs: [],
  complete: result.complete ?? true,
  ledger: result.ledger,
  partitions: result.partitions ?? [],
  schema: [],
  ...(result.source ? { source: result.source } : {}),
  cost: { requests: 0, bytes: 0, credits: 0 },
  versions: {},
  startedAt: '',
  finishedAt: '',
});
