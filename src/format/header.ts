import { sha256 } from '../run/key.ts';

const maxBytes = 63;

/**
 * The header of a sheet or a CSV file as a column name: `Nivel de Estudio ` → `nivel_de_estudio`, `% Hoja Vida` →
 * `pct_hoja_vida`. Two headers that differ in case, accents, blanks or punctuation only are the same name.
 */
export function normalizeHeader(header: string): string {
  const name = header
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replaceAll('%', 'pct')
    .replaceAll('#', 'num')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '');
  if (name === '') return 'column';
  return shortened(/^[0-9]/.test(name) ? `c_${name}` : name);
}

/** The names of all headers of a sheet, in sheet order; what comes again gets `_2`, `_3`, … */
export function normalizeHeaders(headers: readonly string[]): string[] {
  const taken = new Set<string>();
  return headers.map((header) => {
    const name = normalizeHeader(header);
    let unique = name;
    for (let again = 2; taken.has(unique); again += 1) unique = suffixed(name, `_${again}`);
    taken.add(unique);
    return unique;
  });
}

/** After normalising, a byte is a character. The digest keeps long names apart that begin alike. */
const shortened = (name: string): string =>
  name.length <= maxBytes ? name : `${name.slice(0, maxBytes - 7)}_${sha256(name).slice(0, 6)}`;

const suffixed = (name: string, suffix: string): string => `${name.slice(0, maxBytes - suffix.length)}${suffix}`;
