import { expect, test } from 'vitest';
import type { Pipeline } from '../../src/api/index.ts';
import { afterOthers } from '../../src/api/policies/after.ts';

test('a pipeline that runs after itself is refused where it says so', () => {
  const pipeline = (after: string[]) => ({ metadata: { name: 'jobs' }, spec: { after } }) as unknown as Pipeline;
  expect(afterOthers(pipeline(['pay', 'jobs']))).toMatchObject([{ at: ['spec', 'after', 1], found: '"jobs"' }]);
  expect(afterOthers(pipeline(['pay']))).toEqual([]);
});
