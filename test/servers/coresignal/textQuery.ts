/** `AND`, `OR`, `NOT` and parentheses over words; words beside each other are a phrase. */
export type TextQuery =
  | { readonly phrase: string }
  | { readonly not: TextQuery }
  | { readonly all: readonly TextQuery[] }
  | { readonly any: readonly TextQuery[] };

/** Reads a query of a text filter. What it cannot read is taken as words, as a lenient service does. */
export function textQuery(text: string): TextQuery {
  const tokens = text.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const chain = (operator: string, operand: () => TextQuery): TextQuery[] => {
    const operands = [operand()];
    while (tokens[at] === operator) {
      at += 1;
      operands.push(operand());
    }
    return operands;
  };
  const either = (): TextQuery => ({ any: chain('OR', both) });
  const both = (): TextQuery => ({ all: chain('AND', single) });
  const single = (): TextQuery => {
    const token = tokens[at];
    if (token === 'NOT') {
      at += 1;
      return { not: single() };
    }
    if (token === '(') {
      at += 1;
      const inner = either();
      at += 1;
      return inner;
    }
    const words: string[] = [];
    while (at < tokens.length && !/^([()]|AND|OR)$/.test(tokens[at] ?? '')) words.push(tokens[at++] ?? '');
    return { phrase: words.join(' ').toLowerCase() };
  };
  return either();
}

/** Whether a text is what a query asks for; case does not matter. */
export function matches(query: TextQuery, text: string): boolean {
  if ('phrase' in query) return text.toLowerCase().includes(query.phrase);
  if ('not' in query) return !matches(query.not, text);
  if ('all' in query) return query.all.every((part) => matches(part, text));
  return query.any.some((part) => matches(part, text));
}
