import type { Pipeline } from '../../../api/index.ts';
import { urlOf } from '../../../run/specs.ts';
import type { Installation } from '../installation.ts';

/** A Pipeline that says nothing of its warehouse has the one of the installation. */
export function withInstalledWarehouse<Kind extends Pipeline>(
  pipeline: Kind,
  { warehouse: { postgres } }: Pick<Installation, 'warehouse'>,
): Kind {
  if (pipeline.spec.warehouse || !postgres) return pipeline;
  const { secret, ca } = postgres;
  const server = { urlFrom: { secretKeyRef: secret }, ...(ca && { caFrom: { secretKeyRef: ca } }) };
  return { ...pipeline, spec: { ...pipeline.spec, warehouse: { postgres: server } } };
}

/** Whether a pool has the file of an embedded warehouse, and with it a volume and no more than one worker. */
export const hasWarehouseFile = (pipeline: Pick<Pipeline, 'spec'>, pool: string): boolean =>
  pool === 'warehouse' && urlOf(pipeline) === undefined;
