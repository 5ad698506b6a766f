import type { Argument, Command } from 'commander';

/** Names that are there, for an argument that takes one. */
export type Names = (what: string, options: Readonly<Record<string, string>>) => Promise<readonly string[]>;

/** What can stand where the last of the words is, given those before it. */
export async function completions(program: Command, words: readonly string[], names: Names): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  const { command, position, options, awaited } = readWords(program, words.slice(0, -1));
  const fitting = (all: readonly string[]) => all.filter((each) => each.startsWith(begun)).toSorted();
  if (awaited !== undefined) return fitting(awaited.values ?? (await names(awaited.name, options)));
  if (begun.startsWith('-'))
    return fitting(command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : [])));
  if (command.commands.length > 0) return fitting(command.commands.map((each) => each.name()));
  const argument = argumentAt(command, position);
  if (argument === undefined) return [];
  return fitting(argument.argChoices ?? (await names(argument.name(), options)));
}

interface Read {
  readonly command: Command;
  /** Of the argument that comes next. */
  readonly position: number;
  readonly options: Readonly<Record<string, string>>;
  /** The option whose value comes next. */
  readonly awaited?: { readonly name: string; readonly values?: readonly string[] };
}

function readWords(program: Command, words: readonly string[]): Read {
  let command = program;
  let position = 0;
  const options: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [flag = '', given] = word.startsWith('--') ? word.split('=', 2) : [word];
    const option = command.options.find(({ long, short }) => flag === long || flag === short);
    const next = command.commands.find((each) => each.name() === word);
    if (option?.required && given === undefined) {
      at += 1;
      const value = words[at];
      const awaited = { name: option.attributeName(), ...(option.argChoices && { values: option.argChoices }) };
      if (value === undefined) return { command, position, options, awaited };
      options[option.attributeName()] = value;
    } else if (option && given !== undefined) options[option.attributeName()] = given;
    else if (next) command = next;
    else if (!word.startsWith('-')) position += 1;
  }
  return { command, position, options };
}

function argumentAt({ registeredArguments }: Command, position: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic ? last : undefined);
}
