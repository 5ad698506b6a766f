/** A surrogate pair, a surrogate alone, or any other escape. */
const escaped =
  /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?<alone>u[dD][89a-fA-F][\da-fA-F]{2})|[\s\S])/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be replaced
const controls = /[\x00-\x08\x0b\x0c\x0e-\x1f]/g;

/**
 * JSON without the two faults that careless writers make in texts and strict readers refuse: bare control characters
 * and halves of surrogate pairs. (Bytes that are no UTF-8 are gone once bytes have become text.)
 */
export const mendJson = (text: string): string =>
  text.replace(controls, ' ').replace(escaped, (found, alone) => (alone === undefined ? found : '\\ufffd'));
