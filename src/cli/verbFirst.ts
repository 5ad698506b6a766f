/** Options of every verb that name a cluster; each has a value. */
const withValue: ReadonlySet<string> = new Set(['-n', '--namespace', '--context', '--kubeconfig']);

/** `-n jobs status usajobs` as `status usajobs -n jobs`: kubectl does not mind where these stand, so neither do we. */
export function verbFirst(args: readonly string[]): readonly string[] {
  let count = 0;
  for (let next = args[0]; next !== undefined; next = args[count]) {
    if (withValue.has(next)) count += 2;
    else if (withValue.has(next.split('=', 1)[0] ?? '')) count += 1;
    else break;
  }
  return [...args.slice(count), ...args.slice(0, count)];
}
