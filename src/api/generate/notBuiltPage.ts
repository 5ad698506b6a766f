import { version } from '../../version.ts';
import { unbuilt } from '../built.ts';

/** The reference page of what a manifest may say and this version does not do. */
export function notBuiltPage(): string {
  const rows = unbuilt.map(({ at, parts, built = [] }) => {
    const place = at === '' ? 'spec' : `spec.${at}`;
    return `| \`${place}\` | ${words(parts)} | ${words(built)} |`;
  });
  return `${introduction}\n${rows.join('\n')}\n`;
}

const words = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const introduction = `# What ${version} does not do yet

The vocabulary of the manifest is larger than what is built. A manifest that asks for one of these parts is refused, with
the name of the part and the place in the file: nothing is left undone in silence.

| where | not built yet | built |
| --- | --- | --- |`;
