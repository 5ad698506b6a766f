import type { Column } from '../column.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

const isNumeric = (type: string): boolean => /^(integer|bigint|double|decimal)/.test(type);
const isText = (type: string): boolean => type === 'string';
const isTime = (type: string): boolean => type === 'date' || type === 'timestamp';
const isList = (type: string): boolean => type.startsWith('list<');
const isScalar = (type: string): boolean => !isList(type) && type !== 'json';

interface Demand {
  readonly member: (column: Column) => unknown;
  readonly at: Path;
  readonly fits: (type: string) => boolean;
  readonly types: string;
}

/** Which parts of a column make sense for which types. */
const demands: readonly Demand[] = [
  { at: ['min'], member: ({ min }) => min, fits: isNumeric, types: 'integer, bigint, double, decimal(p,s)' },
  { at: ['max'], member: ({ max }) => max, fits: isNumeric, types: 'integer, bigint, double, decimal(p,s)' },
  {
    at: ['parse', 'number'],
    member: ({ parse }) => parse?.number,
    fits: isNumeric,
    types: 'integer, bigint, double, decimal(p,s)',
  },
  { at: ['parse', 'dates'], member: ({ parse }) => parse?.dates, fits: isTime, types: 'date, timestamp' },
  { at: ['pattern'], member: ({ pattern }) => pattern, fits: isText, types: 'string' },
  { at: ['case'], member: (column) => column.case, fits: isText, types: 'string' },
  { at: ['bands'], member: ({ bands }) => bands, fits: isText, types: 'string' },
  { at: ['pseudonym'], member: ({ pseudonym }) => pseudonym, fits: isText, types: 'string' },
  { at: ['accepted'], member: ({ accepted }) => accepted, fits: isScalar, types: 'all but json and lists' },
  { at: ['split'], member: ({ split }) => split, fits: isList, types: 'list<string>, list<integer>, list<double>' },
  { at: ['flags'], member: ({ flags }) => flags, fits: (type) => type === 'list<string>', types: 'list<string>' },
];

/** Parts of a column that its type can have. */
export const columnParts: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    dataset.clean.columns.flatMap((column, index) => partsOf(column, [...at, 'clean', 'columns', index])),
  );

function partsOf(column: Column, at: Path): Finding[] {
  const misfits = demands
    .filter(({ member, fits }) => member(column) !== undefined && !fits(column.type))
    .map(({ at: part, types }) => ({
      at: [...at, ...part],
      what: `found on a column of type ${column.type}`,
      found: column.type,
      allowed: `types ${types}`,
      fix: 'Leave it out or change the type.',
    }));
  return [...misfits, ...scale(column, at), ...requiredNull(column, at)];
}

function scale({ type }: Column, at: Path): Finding[] {
  const [, precision, digits] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision === undefined || Number(digits) <= Number(precision)) return [];
  return [
    {
      at: [...at, 'type'],
      what: `found ${shown(type)}: more digits after the point than in all`,
      found: shown(type),
      allowed: 'decimal(p,s) with s at most p',
      fix: `Write decimal(${digits},${digits}) or fewer digits after the point.`,
    },
  ];
}

function requiredNull({ required, onError }: Column, at: Path): Finding[] {
  if (!required || onError !== 'SetNull') return [];
  return [
    {
      at: [...at, 'onError'],
      what: 'found SetNull on a required column, which must not be null',
      found: 'SetNull',
      allowed: 'Reject, Fail',
      fix: 'Write Reject or Fail, or leave required out.',
    },
  ];
}
