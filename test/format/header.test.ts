import { describe, expect, it } from 'vitest';
import { normalizeHeader, normalizeHeaders } from '../../src/format/header.ts';

describe('normalizeHeader', () => {
  it.each([
    ['Nivel de Estudio ', 'nivel_de_estudio'],
    ['Programa / Aliado\n(Si aplica)', 'programa_aliado_si_aplica'],
    ['% Hoja Vida', 'pct_hoja_vida'],
    ['No. #', 'no_num'],
    ['50%', 'c_50pct'],
    ['Número Documento', 'numero_documento'],
    ['Nu\u0301mero', 'numero'],
    ['AÑO', 'ano'],
    ['2024 total', 'c_2024_total'],
    ['__a--b__', 'a_b'],
    ['\ufeffid', 'id'],
    ['ﬁn', 'fin'],
    ['', 'column'],
    ['¿?', 'column'],
    ['职位', 'column'],
  ])('%j → %j', (header, name) => {
    expect(normalizeHeader(header)).toBe(name);
  });

  it('shortens to 63 bytes and keeps long names apart that begin alike', () => {
    const long = 'observacion_'.repeat(8);
    const [one, two] = [normalizeHeader(`${long}one`), normalizeHeader(`${long}two`)];
    expect(one).toMatch(/^(observacion_){4}observac_[0-9a-f]{6}$/);
    expect(one).toHaveLength(63);
    expect(one).not.toBe(two);
  });
});

describe('normalizeHeaders', () => {
  it('numbers what comes again, in sheet order, and never twice the same', () => {
    expect(normalizeHeaders(['NUMERO', 'Número', 'a', 'numero 2', 'NUMERO', ''])).toEqual([
      'numero',
      'numero_2',
      'a',
      'numero_2_2',
      'numero_3',
      'column',
    ]);
  });

  it('keeps numbered names within 63 bytes', () => {
    const long = 'x'.repeat(63);
    expect(normalizeHeaders([long, long])).toEqual([long, `${'x'.repeat(61)}_2`]);
  });
});
