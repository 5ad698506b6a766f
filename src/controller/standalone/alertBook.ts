import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlertGroup } from '../alerts/decide.ts';

/** What receivers were told, so that the next process does not tell it again; `jobpulse why` shows it. */
export interface AlertBook {
  readonly v: 1;
  readonly groups: readonly AlertGroup[];
  /** Alerts that nobody is told about, because the optional secret with the address is not there. */
  readonly off: readonly { readonly pipeline: string; readonly receiver: string; readonly secret: string }[];
}

const path = (dataDir: string): string => join(dataDir, 'alerts.json');

/** Nobody is to be told anything. */
export const emptyAlertBook: AlertBook = { v: 1, groups: [], off: [] };

/** One that is missing or damaged is empty: then what is still wrong is told once more. */
export async function readAlertBook(dataDir: string): Promise<AlertBook> {
  try {
    const book = JSON.parse(await readFile(path(dataDir), 'utf8')) as AlertBook;
    return book.v === 1 && Array.isArray(book.groups) && Array.isArray(book.off) ? book : emptyAlertBook;
  } catch {
    return emptyAlertBook;
  }
}

/** Writes beside the file and renames: a reader sees the old book or the new one. Only the owner writes. */
export async function writeAlertBook(dataDir: string, book: AlertBook): Promise<void> {
  const temporary = `${path(dataDir)}.tmp`;
  await writeFile(temporary, JSON.stringify(book, null, 1), { mode: 0o600 });
  await rename(temporary, path(dataDir));
}
