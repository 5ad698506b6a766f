const factors: Readonly<Record<string, number>> = {
  ...{ m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};

/** What a quantity comes to: `250m` is 0.25, `1Ki` is 1024. The API server writes them in a form of its own. */
export function amount(quantity: string): number {
  const [, number, unit = ''] = /^([0-9.]+)([a-zA-Z]*)$/.exec(quantity) ?? [];
  return number === undefined ? Number.NaN : Number(number) * (factors[unit] ?? (unit === '' ? 1 : Number.NaN));
}
