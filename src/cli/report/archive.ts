import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { packTar } from 'modern-tar';
import type { ReportFile } from './parts.ts';

/** Writes files as one `.tar.gz`, below a folder, for its owner alone. Returns how many bytes it has. */
export async function writeArchive(path: string, folder: string, files: readonly ReportFile[]): Promise<number> {
  const mtime = new Date();
  const entries = files.map((file) => {
    const body = Buffer.from(file.text);
    return { header: { name: `${folder}/${file.path}`, size: body.length, mtime, mode: 0o600 }, body };
  });
  const bytes = await promisify(gzip)(await packTar(entries));
  await writeFile(path, bytes, { mode: 0o600 });
  return bytes.length;
}
