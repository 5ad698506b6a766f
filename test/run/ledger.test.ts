import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balanceOf, conserved, total } from '../../src/run/ledger.ts';
import { anyManifest, cleaned, extracted, loaded, manifest } from './reportManifests.ts';

describe('conserved', () => {
  test('is unknown before anything is published', () => {
    expect(conserved([]).status).toBe('Unknown');
    const model = manifest({ stage: 'Transform', ledger: { rows: 3, passed: 1, warned: 0, failed: 0 } });
    expect(conserved([model]).status).toBe('Unknown');
  });

  test('tells what became of the rows, without the terms that are zero', () => {
    const clean = (ledger: Parameters<typeof cleaned>[0]) => manifest({ stage: 'Clean', ledger: cleaned(ledger) });
    const steps = [
      manifest({ stage: 'Extract', ledger: extracted({ fetched: 500 }) }),
      clean({ clean: 299, rejected: { 'required:position_uri': 1 } }),
      clean({ clean: 199, rejected: { 'sql:pay-range': 1 } }),
      manifest({ stage: 'Load', ledger: loaded({ added: 498 }) }),
    ];
    expect(conserved(steps)).toEqual({ status: 'True', message: '500 read = 498 clean + 2 rejected' });
    expect(conserved([clean({ expanded: 20, clean: 30 })]).message).toBe('10 read + 20 expanded = 30 clean');
    expect(conserved([clean({})]).message).toBe('0 read = 0 clean');
  });

  test('counts rejected rows by a check of any name, also that of a member of all objects', () => {
    const clean = manifest({ stage: 'Clean', ledger: cleaned({ clean: 8, rejected: { constructor: 2 } }) });
    expect(conserved([clean, clean]).message).toBe('20 read = 16 clean + 4 rejected');
  });

  test('tells what was listed until something is cleaned', () => {
    const step = manifest({ stage: 'Extract', ledger: extracted({ fetched: 400, gone: 100 }) });
    expect(conserved([step]).message).toBe('500 listed = 400 fetched + 100 gone');
  });

  test('names the first step that does not add up and counts the others', () => {
    const broken = { ...cleaned({ clean: 497 }), read: 500 };
    const steps = [
      manifest({ stage: 'Load', ledger: loaded({ added: 497 }) }),
      manifest({ stage: 'Clean', key: 'aaaa', ledger: broken }),
      manifest({ stage: 'Load', key: 'bbbb', ledger: { ...loaded({ added: 1 }), clean: 2 } }),
    ];
    expect(conserved(steps)).toEqual({
      status: 'False',
      message: 'postings clean aaaa: 500 read ≠ 497 clean; 1 more of 3 steps do not add up',
    });
  });

  test('holds for all ledgers that add up, and for none that lost a row', () => {
    fc.assert(
      fc.property(fc.array(anyManifest, { minLength: 1 }), fc.nat(), (steps, at) => {
        expect(conserved(steps).status).toBe('True');
        const lossy = steps.map((step, index) =>
          index === at % steps.length ? { ...step, ledger: oneMore(step.ledger) } : step,
        );
        expect(conserved(lossy).status).toBe('False');
      }),
    );
  });

  test('agrees with the laws of each step', () => {
    fc.assert(
      fc.property(anyManifest, (step) => {
        const balance = balanceOf(step);
        expect(balance && total(balance.came)).toBe(balance && total(balance.went));
      }),
    );
  });
});

/** The same ledger, with one row that came in and went nowhere. */
function oneMore<Ledger extends object>(ledger: Ledger): Ledger {
  const entry = 'listed' in ledger ? 'listed' : 'read' in ledger ? 'read' : 'clean';
  return { ...ledger, [entry]: Number(ledger[entry as keyof Ledger]) + 1 };
}
