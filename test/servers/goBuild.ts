/**
 * How a program is built that nobody will debug: without tables for debuggers, and by compilers that seldom collect
 * garbage. Measured on one of them: a fifth less time.
 */
export const quickly = { flags: ['-gcflags=all=-dwarf=false'], env: { GOGC: '400' } } as const;
