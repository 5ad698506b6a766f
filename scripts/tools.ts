/** `npm run build:tools`: builds the programs that some tests run into the cache, unless they are there. */
import { buildGoProgram, findGoProgram, type GoProgram, goPrograms } from '../test/servers/goPrograms.ts';

let failed = false;
for (const program of Object.keys(goPrograms) as GoProgram[]) {
  if (findGoProgram(program) === undefined) {
    console.log(
      `Building ${program} ${goPrograms[program].version}; this takes about ${goPrograms[program].minutes} minutes.`,
    );
    await buildGoProgram(program).catch((error: Error) => {
      failed = true;
      console.error(`${program} could not be built; it needs Go. ${error.message}`);
    });
  }
  console.log(`${program}: ${findGoProgram(program) ?? 'missing'}`);
}
process.exitCode = failed ? 1 : 0;
