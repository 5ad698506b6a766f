import { extract } from '../../../src/workers/extract.ts';
import { Bench } from './context.ts';

/** Extracts in a process of its own, into the lake of an open bench, and dies by SIGKILL after the first raw put. */
const [, , root = '', url = ''] = process.argv;
const paging = { page: { param: 'page', sizeParam: 'size', size: 10 }, total: { path: '$.count' } };
const context = await new Bench(root).context({
  extract: { rest: { baseUrl: url, path: '/search', paging } },
  crashPoint: (name) => {
    if (name === 'after-raw-put') process.kill(process.pid, 'SIGKILL');
  },
});
await extract(context);
