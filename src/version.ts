import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** Version of this program. */
export const version = manifest.version;

/** Versions that a result can depend on; they stand in every manifest. */
export const versions: Readonly<Record<string, string>> = {
  jobpulse: version,
  duckdb: manifest.dependencies['@duckdb/node-api'] ?? 'unknown',
};
