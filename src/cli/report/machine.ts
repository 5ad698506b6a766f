import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lakeOf } from '../../controller/standalone/lake.ts';
import type { Place } from '../places/place.ts';
import type { Part, PartFile } from './parts.ts';

/** Reports of runs that are told of each pipeline, the newest. */
const mostReports = 20;

/** What a report holds of a data directory. */
export const machineParts = (place: Place, dataDir: string): readonly Part[] => [
  {
    what: 'place of the lake',
    files: async () => {
      const file = join(dataDir, 'lake.yaml');
      return existsSync(file) ? [{ path: 'lake.yaml', content: readFileSync(file, 'utf8') }] : [];
    },
  },
  {
    what: 'what receivers of alerts were told',
    files: async () => [{ path: 'alerts.yaml', content: await place.alerts() }],
  },
  {
    what: 'reports of runs',
    files: async () => {
      const pipelines = await place.pipelines();
      return (await Promise.all(pipelines.map(({ metadata }) => reportsOf(dataDir, metadata.name)))).flat();
    },
  },
];

async function reportsOf(dataDir: string, pipeline: string): Promise<readonly PartFile[]> {
  const { store } = lakeOf(dataDir, pipeline);
  const paths: string[] = [];
  for await (const { path } of store.list('_jobpulse/runs')) paths.push(path);
  const newest = paths.toSorted().slice(-mostReports);
  return Promise.all(
    newest.map(async (path) => ({
      path: `reports/${pipeline}/${path.replace(/^.*\//, '')}`,
      content: (await store.get(path))?.toString('utf8') ?? '',
    })),
  );
}
