import { dashboardFile } from './dashboard.ts';
import { data } from './data.ts';
import { fleet } from './fleet.ts';
import { pipeline } from './pipeline.ts';

/** The dashboards of Grafana: name of the file → its text. */
export const dashboardFiles = (): ReadonlyMap<string, string> =>
  new Map(Object.entries({ fleet, pipeline, data }).map(([name, build]) => [`${name}.json`, dashboardFile(build())]));
