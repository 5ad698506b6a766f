/** The source of periods that the tests use, as a process of its own: prints where it is, and ends with whoever started it. */
import { startPeriods } from '../test/servers/periods.ts';

const { url } = await startPeriods();
process.stdin.once('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ url }));
