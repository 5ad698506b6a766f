import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Pipeline } from '../../src/api/index.ts';
import type { UsajobsDouble } from '../servers/usajobs/double.ts';
import { root } from './cluster.ts';

/**
 * A zone in which it was about noon when the tests began. Rows say on which day they came, and the same rows of two
 * runs are to be equal: no day may end between them.
 */
const zoneAtNoon = (hoursEast: number) => `Etc/GMT${hoursEast > 0 ? '-' : '+'}${Math.abs(hoursEast)}`;
const timeZone = zoneAtNoon(12 - new Date().getUTCHours());

/**
 * The objects of the usajobs overlay over a double, with the Pipeline under another name, without a schedule, and with
 * small pages, which make many raw objects.
 */
export async function usajobsNamed(
  kubectl: (args: readonly string[]) => Promise<string>,
  double: UsajobsDouble,
  name: string,
  spec: Partial<Pipeline['spec']> = {},
): Promise<readonly object[]> {
  const manifests = await kubectl(['kustomize', join(root, 'examples', 'overlays', 'usajobs-double')]);
  const text = manifests.replace('http://usajobs-double.example:8080', double.url);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Pipeline);
  return objects.map((each) => (each.kind === 'Pipeline' ? renamed(each, name, spec) : each));
}

function renamed(example: Pipeline, name: string, spec: Partial<Pipeline['spec']>): object {
  const [dataset] = structuredClone(example.spec.datasets);
  if (!dataset || !('rest' in dataset.extract)) throw new Error('the example has no REST dataset any more');
  Object.assign(dataset.extract.limits ?? {}, { rate: { requests: 1000, per: '1s' } });
  Object.assign(dataset.extract.rest?.paging ?? {}, {
    page: { param: 'Page', first: 1, sizeParam: 'ResultsPerPage', size: 60 },
  });
  const { schedule: _, ...usual } = example.spec;
  return { ...example, metadata: { name }, spec: { ...usual, timeZone, datasets: [dataset], ...spec } };
}
