import { filesystemStore } from '../../../src/connectors/stores/filesystem.ts';
import { extract } from '../../../src/workers/extract.ts';
import { Bench } from './context.ts';

/** Runs an extract in a process of its own and kills it with SIGKILL after the first raw put. */
const [, , root = '', url = ''] = process.argv;
const bench = await Bench.open();
const { join } = await import('node:path');
const paging = { page: { param: 'page', sizeParam: 'size', size: 10 }, total: { path: '$.count' } };
const context = await bench.context({
  extract: { rest: { baseUrl: url, path: '/search', paging } },
  crashPoint: (name) => {
    if (name === 'after-raw-put') process.kill(process.pid, 'SIGKILL');
  },
});
await extract({ ...context, lake: { ...context.lake, store: filesystemStore(join(root, 'lake')) } });
