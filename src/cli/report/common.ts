import { version } from '../../version.ts';
import { explain } from '../explain.ts';
import { explainAlerts } from '../explainAlerts.ts';
import type { Place } from '../places/place.ts';
import type { Part } from './parts.ts';

/** What a report holds of any place. */
export const commonParts = (place: Place): readonly Part[] => [
  {
    what: 'versions',
    files: async () => [{ path: 'versions.yaml', content: { ...programVersions, place: place.name } }],
  },
  {
    what: 'pipelines',
    files: async () =>
      (await place.pipelines()).map((content) => ({ path: `pipelines/${content.metadata.name}.yaml`, content })),
  },
  {
    what: 'runs',
    files: async () => (await place.runs()).map((content) => ({ path: `runs/${content.metadata.name}.yaml`, content })),
  },
  { what: 'why pipelines are as they are', files: () => explanations(place) },
];

const programVersions = {
  jobpulse: version,
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  at: new Date().toISOString(),
};

async function explanations(place: Place) {
  const [pipelines, runs, alerts] = await Promise.all([place.pipelines(), place.runs(), place.alerts()]);
  return pipelines.map((pipeline) => {
    const { name } = pipeline.metadata;
    const own = runs.filter(({ spec }) => spec.pipelineRef.name === name);
    const paragraphs = [...explain({ pipeline, runs: own, command: place.command }), ...explainAlerts(alerts, name)];
    return { path: `why/${name}.txt`, content: paragraphs.map(({ lines }) => `${lines.join('\n')}\n`).join('\n') };
  });
}
