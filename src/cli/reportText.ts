import { datasetLine, type RunReport } from '../run/report.ts';

/** A line per dataset and model, then what needs explaining. */
export function reportText(report: RunReport): string[] {
  const pipeline = report.pipeline.replace(/^.*\//, '');
  return [
    ...report.datasets.map((dataset) => datasetLine(report, dataset)),
    ...report.datasets.flatMap(({ name, marked }) =>
      marked > 0 ? [`${pipeline}/${name}: ${marked} no longer at the source, marked as removed`] : [],
    ),
    ...report.models.flatMap(({ name, insight }) => (insight === undefined ? [] : [`${pipeline}/${name}: ${insight}`])),
    ...report.why.map(
      ({ dataset, reason, message }) => `${pipeline}${dataset ? `/${dataset}` : ''}: ${reason}: ${message}`,
    ),
    ...(report.status === 'Succeeded' ? [] : [`${report.run}: ${report.status}`]),
  ];
}
