import { figuresOf, type Sample, type ScalingRecord, throughputOf } from './scalingRecord.ts';

/** A stack of three panels over the same seconds: what there is to do, who does it, and how fast it is done. */

const width = 860;
const left = 64;
const right = 24;
const panelHeight = 118;
const panelGap = 58;
const top = 80;
const plotWidth = width - left - right;
const height = top + 3 * panelHeight + 2 * panelGap + 52;
const throughputPeriod = 2;

/** Readable on white and on black; where the reader's system is known to be dark, brighter ones. */
const style = `
  text { font: 12px ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 13px }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .grid { stroke: #8c959f; stroke-opacity: .25 }
  .mark { stroke: #8c959f; stroke-dasharray: 3 3 }
  .backlog { fill: #2f81f7; fill-opacity: .3; stroke: #2f81f7; stroke-width: 1.5 }
  .ready { fill: #3fb27f; fill-opacity: .28; stroke: #2da06b; stroke-width: 1.5 }
  .busy { fill: none; stroke: #bf6d00; stroke-width: 1.5 }
  .desired { fill: none; stroke: #8250df; stroke-width: 2; stroke-dasharray: 6 3 }
  .rate { fill: #2f81f7; fill-opacity: .75 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b1bac4 }
    .desired { stroke: #b392f0 }
    .busy { stroke: #f0a44b }
  }`;

export function drawScaling(record: ScalingRecord): string {
  const { samples, steps, concurrency, max, sourceMs, firstStepSeconds } = record;
  const end = niceAbove(samples.at(-1)?.seconds ?? 1);
  const x = (seconds: number): number => left + (Math.min(seconds, end) / end) * plotWidth;
  const rates = throughputOf(samples, throughputPeriod);
  const panels = [
    panel(0, 'Backlog: steps that wait or are under way', most(samples, 'backlog'), (y) =>
      area('backlog', samples, 'backlog', x, y),
    ),
    panel(1, 'Workers', Math.max(most(samples, 'desired'), most(samples, 'ready'), 1), (y) =>
      [
        area('ready', samples, 'ready', x, y),
        line('busy', samples, 'busy', x, y),
        line('desired', samples, 'desired', x, y),
      ].join('\n'),
    ),
    panel(
      2,
      `Throughput: steps a second, over ${throughputPeriod} s`,
      Math.max(...rates.map(({ rate }) => rate), 1),
      (y) =>
        rates
          .filter(({ rate }) => rate > 0)
          .map(({ seconds, rate }) => bar(x(seconds), x(seconds + throughputPeriod), y(rate), y(0)))
          .join('\n'),
    ),
  ];
  const about = `${steps.toLocaleString('en')} steps come to a pool without workers: ${max} workers at most, ${concurrency} steps at a time each, a source that takes ${sourceMs} ms`;
  const { lastStepSeconds } = figuresOf(record);
  const marked = `Dashed: the first step began after ${firstStepSeconds.toFixed(1)} s, the last one ended after ${lastStepSeconds.toFixed(0)} s`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${about}">
<style>${style}
</style>
<text x="${left}" y="18">${about}</text>
<text x="${left}" y="36">${marked}</text>
${legend()}
${panels.join('\n')}
${mark(x(firstStepSeconds))}
${mark(x(lastStepSeconds))}
${timeAxis(end, x)}
</svg>
`;
}

const topOf = (index: number): number => top + index * (panelHeight + panelGap);

function panel(index: number, title: string, greatest: number, draw: (y: (value: number) => number) => string): string {
  const bottom = topOf(index) + panelHeight;
  const step = niceStep(greatest);
  const limit = Math.ceil(greatest / step) * step;
  const y = (value: number): number => bottom - (value / limit) * panelHeight;
  const ticks = Array.from({ length: Math.round(limit / step) + 1 }, (_, tick) => tick * step);
  return [
    `<text class="title" x="${left}" y="${topOf(index) - 10}">${title}</text>`,
    ...ticks.map(
      (value) => `<line class="grid" x1="${left}" x2="${left + plotWidth}" y1="${at(y(value))}" y2="${at(y(value))}"/>`,
    ),
    ...ticks.map(
      (value) => `<text x="${left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${value.toLocaleString('en')}</text>`,
    ),
    draw(y),
    `<line class="axis" x1="${left}" x2="${left + plotWidth}" y1="${bottom}" y2="${bottom}"/>`,
  ].join('\n');
}

/** What the colours of the workers' panel mean, above it on the right. */
function legend(): string {
  const y = topOf(1) - 14;
  const entries = [
    ['ready', 'ready'],
    ['busy', 'with steps under way'],
    ['desired', 'wanted by the autoscaler'],
  ] as const;
  const widths = [76, 168, 176];
  const start = left + plotWidth - widths.reduce((a, b) => a + b);
  return entries
    .map(([name, words], index) => {
      const from = start + widths.slice(0, index).reduce((a, b) => a + b, 0);
      const sign =
        name === 'ready'
          ? `<rect class="ready" x="${from}" y="${y - 5}" width="18" height="9"/>`
          : `<line class="${name}" x1="${from}" x2="${from + 18}" y1="${y}" y2="${y}"/>`;
      return `${sign}<text x="${from + 24}" y="${y + 4}">${words}</text>`;
    })
    .join('\n');
}

/** A moment, through all panels. */
const mark = (x: number): string =>
  `<line class="mark" x1="${at(x)}" x2="${at(x)}" y1="${topOf(0)}" y2="${topOf(2) + panelHeight}"/>`;

function timeAxis(end: number, x: (seconds: number) => number): string {
  const bottom = topOf(2) + panelHeight;
  const step = niceStep(end, 10);
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, tick) => tick * step);
  return [
    ...ticks.map((seconds) => `<text x="${at(x(seconds))}" y="${bottom + 18}" text-anchor="middle">${seconds}</text>`),
    `<text x="${left + plotWidth / 2}" y="${bottom + 38}" text-anchor="middle">seconds since the first step was queued</text>`,
  ].join('\n');
}

type Measure = Exclude<keyof Sample, 'seconds'>;
type Scale = (value: number) => number;

const most = (samples: readonly Sample[], of: Measure): number => Math.max(...samples.map((sample) => sample[of]), 1);

/** A value holds until the next one is known: a line of steps. */
function path(samples: readonly Sample[], of: Measure, x: Scale, y: Scale): string {
  const points = samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    if (before && before[of] === sample[of] && index < samples.length - 1) return [];
    const corner = before ? [`${at(x(sample.seconds))},${at(y(before[of]))}`] : [];
    return [...corner, `${at(x(sample.seconds))},${at(y(sample[of]))}`];
  });
  return points.join(' L');
}

const line = (name: string, samples: readonly Sample[], of: Measure, x: Scale, y: Scale): string =>
  `<path class="${name}" d="M${path(samples, of, x, y)}"/>`;

function area(name: string, samples: readonly Sample[], of: Measure, x: Scale, y: Scale): string {
  const [from, to] = [samples[0]?.seconds ?? 0, samples.at(-1)?.seconds ?? 0];
  return `<path class="${name}" d="M${at(x(from))},${at(y(0))} L${path(samples, of, x, y)} L${at(x(to))},${at(y(0))} Z"/>`;
}

const bar = (from: number, to: number, upper: number, lower: number): string =>
  `<rect class="rate" x="${at(from)}" y="${at(upper)}" width="${at(Math.max(to - from - 1, 0.5))}" height="${at(lower - upper)}"/>`;

/** One digit after the point is finer than any screen. */
const at = (value: number): string => String(Math.round(value * 10) / 10);

/** 1, 2 or 5 times a power of ten, so that there are not many more ticks than asked for. */
function niceStep(greatest: number, ticks = 4): number {
  const raw = greatest / ticks;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((each) => each * power >= raw) ?? 10;
  return Math.max(step * power, 1);
}

const niceAbove = (seconds: number): number => Math.ceil(seconds / 10) * 10;
