/** A worker as the pool knows it. `POOL_TEST` says how it behaves; it appends what happens to `POOL_TEST_LOG`. */
import { appendFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const note = (text: string) => appendFileSync(process.env.POOL_TEST_LOG ?? '', `${process.pid} ${text}\n`);
const behaviour = process.env.POOL_TEST;

if (behaviour === 'broken') {
  process.stderr.write('cannot read the lake\nthe disk is gone\n');
  process.exit(7);
}
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGTERM', () => {
  note('SIGTERM');
  if (behaviour !== 'stubborn') process.exit(0);
});
process.on('message', (message) => note(`message ${JSON.stringify(message)}`));
setInterval(() => process.send?.({ type: 'beat' }), 2_000);
process.send?.({ type: 'ready' });
note('ready');
if (behaviour === 'busy') {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  note('busy');
  await connection.run('SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3');
}
