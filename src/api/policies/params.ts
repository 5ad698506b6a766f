import { type Finding, type Path, shown } from '../problem.ts';
import type { Param } from '../side.ts';
import type { Policy } from './policy.ts';

const forms: Readonly<Record<Param['type'], { readonly fits: (text: string) => boolean; readonly form: string }>> = {
  String: { fits: () => true, form: 'any text' },
  Integer: {
    fits: (text) => /^-?[0-9]+$/.test(text) && Number.isSafeInteger(Number(text)),
    form: 'a whole number, such as "100000"',
  },
  Number: {
    fits: (text) => /^-?[0-9]+(\.[0-9]+)?$/.test(text) && Number.isFinite(Number(text)),
    form: 'a number, such as "0.5"',
  },
  Boolean: { fits: (text) => text === 'true' || text === 'false', form: '"true" or "false"' },
  Date: {
    fits: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDay(text),
    form: 'a day, such as "2026-01-31"',
  },
};

/** Defaults of parameters are of the parameter's type. */
export const validDefaults: Policy = ({ spec }) =>
  spec.params.flatMap((param, index) =>
    param.default === undefined ? [] : paramFinding(param, param.default, ['spec', 'params', index, 'default']),
  );

/** A finding if a text is not of a parameter's type. */
export function paramFinding({ name, type }: Param, text: string, at: Path): Finding[] {
  const { fits, form } = forms[type];
  if (fits(text)) return [];
  const what = `found ${shown(text)}, but ${name} is of type ${type}`;
  return [{ at, what, found: shown(text), allowed: form, fix: `Write ${form}.` }];
}

/** 30 February parses as a day of March, so the day must come back as it went in. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
