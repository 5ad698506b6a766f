import { pipelineConditions, runConditions } from '../conditions.ts';
import { events } from '../events.ts';
import { reasons } from '../reasons.ts';
import { cell } from './fieldsPage.ts';

/** The reference page of conditions, reasons and events. */
export function wordsPage(): string {
  const eventRows = Object.entries(events).map(([name, { type, meaning }]) => [name, type, meaning] as const);
  return [
    introduction,
    '## Conditions of a Pipeline\n',
    table(['condition', '`True` means'], Object.entries(pipelineConditions)),
    '## Conditions of a PipelineRun\n',
    table(['condition', '`True` means'], Object.entries(runConditions)),
    '## Reasons\n',
    table(['reason', 'meaning'], Object.entries(reasons)),
    '## Events\n',
    table(['event', 'type', 'meaning'], eventRows),
  ].join('\n');
}

const introduction = `# Conditions, reasons and events

Conditions say what is so, a reason says why in one word, an event tells once that something happened. Programs should read
conditions and reasons; \`phase\` and events are for people.
`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map(([name = '', ...rest]) => `| \`${name}\` | ${rest.map(cell).join(' | ')} |`);
  return [`| ${heads.join(' | ')} |`, `| ${heads.map(() => '---').join(' | ')} |`, ...lines, ''].join('\n');
}
