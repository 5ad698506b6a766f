/** Packs and sweeps the lake of a folder, as a process that a crash point may kill: `packer.ts <folder>`. */
import { crashPoints } from '../../src/workers/crash.ts';
import { hour, iso, WindowHouse } from './windowHouse.ts';

const house = new WindowHouse({ source: () => [], folder: process.argv[2] ?? '' });
house.crashPoint = crashPoints(process.env);
await house.compact(iso(5), { fewestSlices: 2 });
await house.sweep(new Date(Date.now() + 72 * hour));
