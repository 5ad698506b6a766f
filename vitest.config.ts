import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/properties.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    // What is waited for takes longer on a machine that has more to do.
    expect: { poll: { timeout: 20_000 } },
    env: { UV_THREADPOOL_SIZE: '16' },
  },
});
