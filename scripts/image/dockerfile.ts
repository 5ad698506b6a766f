/** How a container of an image is run, in the words of the OCI image configuration. */
export interface ImageConfig {
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/** What the last stage of the `Dockerfile` says, so that an image that is made without an engine is run in the same way. */
export function configOf(dockerfile: string): ImageConfig {
  const lines = instructions(dockerfile);
  const last = lines.slice(lines.findLastIndex(({ name }) => name === 'FROM') + 1);
  const values = (wanted: string) => last.filter(({ name }) => name === wanted).map(({ text }) => text);
  const known = ['COPY', 'ENV', 'USER', 'WORKDIR', 'ENTRYPOINT', 'LABEL'];
  const other = last.find(({ name }) => !known.includes(name));
  if (other !== undefined) throw new Error(`Dockerfile: ${other.name} in the last stage is not understood here`);
  const [user, folder] = [values('USER').at(-1), values('WORKDIR').at(-1)];
  return {
    ...(user !== undefined && { User: user }),
    ...(folder !== undefined && { WorkingDir: folder }),
    Env: values('ENV')
      .flatMap(pairs)
      .map(([name, value]) => `${name}=${value}`),
    Entrypoint: JSON.parse(values('ENTRYPOINT').at(-1) ?? '[]'),
    Labels: Object.fromEntries(values('LABEL').flatMap(pairs)),
  };
}

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions, each on one line; comments are left out. */
const instructions = (dockerfile: string): readonly Instruction[] =>
  dockerfile
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...words] = line.trim().split(' ');
      return { name, text: words.join(' ') };
    });

/** `name=value` and `name="a value"`, as often as they come. */
const pairs = (text: string): (readonly [string, string])[] =>
  [...text.matchAll(/([^\s=]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = '', quoted, bare = '']) => [
    name,
    quoted ?? bare,
  ]);
