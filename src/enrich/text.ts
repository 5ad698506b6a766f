/** Beyond this many characters a text is not looked at, so that the work per row stays bounded. */
export const maxTextLength = 100_000;

/**
 * Reduces marked-up text of any Latin-script language to lines of plain lower-case ASCII, so that the rules that read
 * it need not know about tags, entities, accents, kinds of blanks, dashes and quotes, or how bullets are drawn.
 */
export const plainLines = (text: string): string[] =>
  fold(withoutTags(decodeEntities(text.slice(0, maxTextLength))))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Full stops that end an abbreviation, not a sentence. */
const abbreviation = /\b(min|max|mind|approx|aprox|ca|yrs?|mos?|exp|incl|e\.g|i\.e|u\.s)\./g;

/** The sentences of a plain line, without what ends them. */
export const sentences = (line: string): string[] =>
  line
    .replace(abbreviation, '$1')
    .split(/[.!?;](?: |$)/)
    .filter((sentence) => sentence !== '');

const namedEntities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  rsquo: "'",
  lsquo: "'",
  ndash: '-',
  mdash: '-',
  ge: '>=',
  bull: '\n',
  middot: '\n',
};

const entity =
  /&(?:#(?<decimal>\d{1,7})|#x(?<hex>[\da-f]{1,6})|(?<letter>[a-z])(?:acute|grave|circ|tilde|uml|cedil)|(?<name>[a-z]{2,6}));/gi;

/** Decodes entities, also those escaped twice (`&amp;nbsp;`). Accented letters come out as they would be folded. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&amp;/gi, '&').replace(entity, (found, decimal, hex, letter, name) => {
    if (decimal !== undefined) return character(Number.parseInt(decimal, 10));
    if (hex !== undefined) return character(Number.parseInt(hex, 16));
    return letter ?? namedEntities[name.toLowerCase()] ?? found;
  });
}

const character = (codePoint: number): string => (codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : ' ');

const inlineTag = /<\/?(?:a|b|i|u|em|strong|span|font|mark|small|sub|sup|c\d{1,3})(?:\s[^<>]{0,2000})?>/gi;
const anyTag = /<[a-z/!][^<>]{0,2000}>/gi;

/** Highlighting disappears; every other tag separates what stands before it from what follows. */
const withoutTags = (text: string): string =>
  text.includes('<') ? text.replace(inlineTag, '').replace(anyTag, '\n') : text;

/** A line broken inside a sentence: it goes on without a capital, or after a blank with a number. */
const softBreak = /[ \u00a0]?\r?\n[ \u00a0]?(?=[a-z])|[ \u00a0]\r?\n(?=[\d(])/g;

const fold = (text: string): string =>
  toAscii(text.replace(softBreak, ' '))
    .replace(/[^\x20-\x7e\t]+/g, '\n')
    .replace(/[\t ]{2,}|\t/g, ' ')
    .toLowerCase();

/** Each step is one pass; what is not ASCII in the end is a drawn bullet, an emoji or another script. */
function toAscii(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text;
  return text
    .replace(/½/g, '.5')
    .replace(/≥/g, '>=')
    .replace(/ß/g, 'ss')
    .replace(/[\u2018\u2019\u00b4\u02bc]/g, "'")
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .normalize('NFKD')
    .replace(/[\u0300-\u036f\u00ad\u200b-\u200d\ufeff]/g, '')
    .replace(/[\u00c0-\u024f]/g, '_');
}
