import type { ModelSpec } from '../run/specs.ts';
import type { Stage } from './stage.ts';
import type { Warehouses } from './warehouses.ts';

/** Builds a model: its rows are written, checked, and only then shown. */
export const transform =
  (warehouses: Warehouses): Stage<ModelSpec> =>
  async (context) => {
    const { model, schema, tables } = context.spec;
    context.progress(`building ${schema}.${model.name}`);
    const warehouse = warehouses(context.spec, context.secret);
    const built = await warehouse.buildModel({ model, schema, tables }, context.signal);
    context.crashPoint('after-warehouse-commit');
    const { ledger, rowsHash, notices, insight } = built;
    return {
      ledger,
      partitions: [{ values: {}, rows: ledger.rows, rowsHash, files: [] }],
      schema: built.schema,
      notices,
      insight,
    };
  };
