import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the project. */
export const root = join(import.meta.dirname, '../..');

/** A text for people, with what it says about the project. */
export interface Document {
  /** Relative to the project. */
  readonly path: string;
  /** Commands of its `sh` blocks, one a line, with continued lines joined. */
  readonly commands: readonly string[];
  readonly yaml: readonly string[];
  /** Files and folders of the project that it names: in commands, in `code` and in links. */
  readonly names: readonly string[];
}

export function readDocuments(): readonly Document[] {
  const paths = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root });
  return paths.sort().map((path) => readDocument(path, readFileSync(join(root, path), 'utf8')));
}

export function readDocument(path: string, text: string): Document {
  const blocks = [...text.matchAll(/^( *)```(\w*)\n(.*?)^ *```/gms)];
  const inLanguage = (...languages: readonly string[]) =>
    blocks.filter(([, , language = '']) => languages.includes(language)).map(([, , , body = '']) => body);
  const commands = inLanguage('sh', 'bash', 'shell', 'console').flatMap(commandsOf);
  const prose = text.replaceAll(/^ *```.*?^ *```/gms, '');
  const code = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return {
    path,
    commands,
    yaml: inLanguage('yaml', 'yml'),
    names: [...new Set([...[...commands, ...code].flatMap(projectPaths), ...linksOf(path, prose)])].sort(),
  };
}

const commandsOf = (block: string): string[] =>
  block
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/^\s*(\$ )?/, '').replace(/\s+#.*$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'));

const folders = ['bin', 'bench', 'charts', 'crds', 'docs', 'examples', 'scripts', 'src', 'test'];

/** Words that begin with a folder of the project; placeholders and globs name no file. */
const projectPaths = (text: string): string[] =>
  text
    .split(/[\s'"=,;()]+/)
    .map((word) => word.replace(/^\.\//, '').replace(/[.:]+$/, ''))
    .filter((word) => folders.includes(word.split('/', 1)[0] ?? '') && word.includes('/'))
    .filter((word) => !/[<>*{}$…|]/.test(word));

/** Targets of links that are no addresses, relative to the project. */
const linksOf = (path: string, prose: string): string[] =>
  [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/i.test(target))
    .map((target) => join(dirname(path), target));

export const isThere = (name: string): boolean => existsSync(join(root, name));
